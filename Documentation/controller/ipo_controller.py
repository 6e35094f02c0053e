# SPDX-License-Identifier: Apache-2.0
"""An OpenFlow controller that connects the containers of many nodes by ipo.

On each node a bridge has the containers' ports and one tunnel port:

    ovs-vsctl set bridge br-int fail_mode=secure protocols=OpenFlow13,OpenFlow15
    ovs-vsctl add-port br-int ipo0 -- set interface ipo0 type=ipo \\
        options:remote_ip=flow
    ovs-vsctl set-controller br-int tcp:CONTROLLER:6653

A file tells the controller the nodes' addresses by the datapath IDs of their
bridges, as "ovs-vsctl get bridge br-int datapath_id" prints them:

    {"0000000000000001": "10.0.0.1", "0000000000000002": "10.0.0.2"}

    IPO_NODES=nodes.json osken-manager ipo_controller.py

Where a container is, is learned from the first packet it sends.  The rules for
it are then put onto all nodes, and stay there when the controller ends.  When
it begins again, or a switch comes back, it reads from them what it had learned.
Containers are believed: where one may claim what is another's, give addresses
to ports by rules of a higher priority instead.

Table 0 knows where packets are from, table 1 where they go.
"""

import json
import os

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import arp, ethernet, ipv4, packet
from os_ken.ofproto import ofproto_v1_3, ofproto_v1_5

GATEWAY_MAC = "02:00:a9:fe:00:01"
COOKIE = 0x69706f
FROM, TO = 0, 1                 # Tables.
ARP, IPV4 = 0x0806, 0x0800


class IpoController(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION, ofproto_v1_5.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with open(os.environ["IPO_NODES"]) as f:
            self.nodes = {int(dpid, 16): ip for dpid, ip in json.load(f).items()}
        self.tunnel_port = os.environ.get("IPO_PORT", "ipo0")
        self.switches = {}      # Datapath ID: (datapath, number of its ipo port).
        self.containers = {}    # Address: (datapath ID, port number, MAC).

    # Rules.

    def rule(self, dp, table, priority, actions, next_table=None, **match):
        p, o = dp.ofproto_parser, dp.ofproto
        instructions = [p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, actions)] if actions else []
        if next_table is not None:
            instructions.append(p.OFPInstructionGotoTable(next_table))
        dp.send_msg(p.OFPFlowMod(dp, cookie=COOKIE, table_id=table, priority=priority,
                                 match=p.OFPMatch(**match), instructions=instructions))

    def forget(self, dp, port):
        """Removes the rules of a container that is not at 'port' any more."""
        p, o = dp.ofproto_parser, dp.ofproto
        dp.send_msg(p.OFPFlowMod(dp, cookie=COOKIE, cookie_mask=2**64 - 1, table_id=FROM,
                                 command=o.OFPFC_DELETE, out_port=o.OFPP_ANY,
                                 out_group=o.OFPG_ANY, match=p.OFPMatch(in_port=port)))

    def base_rules(self, dp, tunnel):
        p, o = dp.ofproto_parser, dp.ofproto
        to_controller = [p.OFPActionOutput(o.OFPP_CONTROLLER, o.OFPCML_NO_BUFFER)]
        self.rule(dp, FROM, 100, [], TO, in_port=tunnel, eth_type=IPV4)
        self.rule(dp, FROM, 90, [], in_port=tunnel)
        self.rule(dp, FROM, 50, to_controller, eth_type=ARP)
        self.rule(dp, FROM, 10, to_controller, eth_type=IPV4)

    def arp_rules(self, dp, port, address):
        """Whatever the container at 'port' asks for, the gateway is the answer, also when
        there is no controller.  What it says of itself is for us."""
        p, o = dp.ofproto_parser, dp.ofproto

        def move(source, destination, bits):
            if o.OFP_VERSION < 6:
                return p.NXActionRegMove(src_field=source, dst_field=destination, n_bits=bits)
            return p.OFPActionCopyField(n_bits=bits, oxm_ids=[p.OFPOxmId(source),
                                                              p.OFPOxmId(destination)])

        self.rule(dp, FROM, 70, [p.OFPActionOutput(o.OFPP_CONTROLLER, o.OFPCML_NO_BUFFER)],
                  in_port=port, eth_type=ARP, arp_spa=address, arp_tpa=address)
        self.rule(dp, FROM, 60, [
            move("eth_src", "eth_dst", 48), p.OFPActionSetField(eth_src=GATEWAY_MAC),
            p.OFPActionSetField(arp_op=arp.ARP_REPLY), move("arp_sha", "arp_tha", 48),
            p.OFPActionSetField(arp_sha=GATEWAY_MAC), move("arp_tpa", "reg0", 32),
            move("arp_spa", "arp_tpa", 32), move("reg0", "arp_spa", 32),
            p.OFPActionOutput(o.OFPP_IN_PORT)],
            in_port=port, eth_type=ARP, arp_op=arp.ARP_REQUEST, arp_spa=address)

    def container_rules(self, dp, tunnel, address):
        """Tells the switch 'dp' where 'address' is."""
        p = dp.ofproto_parser
        dpid, port, mac = self.containers[address]
        if dpid == dp.id:
            self.rule(dp, FROM, 80, [], TO, in_port=port, eth_type=IPV4,
                      eth_src=mac, ipv4_src=address)
            self.arp_rules(dp, port, address)
            out = [p.OFPActionSetField(eth_src=GATEWAY_MAC),
                   p.OFPActionSetField(eth_dst=mac), p.OFPActionOutput(port)]
        elif dpid in self.nodes:
            out = [p.OFPActionSetField(tun_ipv4_dst=self.nodes[dpid]),
                   p.OFPActionOutput(tunnel)]
        else:
            return
        self.rule(dp, TO, 100, [p.OFPActionDecNwTtl()] + out, eth_type=IPV4,
                  ipv4_dst=address)

    def learn(self, address, dpid, port, mac):
        """Learns where a container is.  Returns whether that is news."""
        old = self.containers.get(address)
        if old == (dpid, port, mac):
            return False
        if old and old[0] in self.switches:
            self.forget(self.switches[old[0]][0], old[1])
        self.containers[address] = (dpid, port, mac)
        for dp, tunnel in self.switches.values():
            self.container_rules(dp, tunnel, address)
        self.logger.info("container %s (%s) is at port %d of %016x", address, mac, port, dpid)
        return True

    # Switches.

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def state_changed(self, ev):
        dp = ev.datapath
        if ev.state == MAIN_DISPATCHER:
            dp.send_msg(dp.ofproto_parser.OFPPortDescStatsRequest(dp, 0))
        elif self.switches.get(dp.id, (None,))[0] is dp:
            del self.switches[dp.id]

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port_changed(self, ev):
        dp = ev.msg.datapath
        if ev.msg.desc.name.decode() == self.tunnel_port:
            dp.send_msg(dp.ofproto_parser.OFPPortDescStatsRequest(dp, 0))

    @set_ev_cls(ofp_event.EventOFPPortDescStatsReply, MAIN_DISPATCHER)
    def ports_known(self, ev):
        dp = ev.msg.datapath
        p, o = dp.ofproto_parser, dp.ofproto
        self.switches.pop(dp.id, None)
        for port in ev.msg.body:
            if port.name.decode() == self.tunnel_port and dp.id in self.nodes:
                self.switches[dp.id] = dp, port.port_no
        if dp.id not in self.switches:
            self.logger.error("switch %016x: no %s, or not in IPO_NODES", dp.id, self.tunnel_port)
            return
        # What was learned is in the rules.
        request = getattr(p, "OFPFlowDescStatsRequest", None) or p.OFPFlowStatsRequest
        dp.send_msg(request(dp, 0, FROM, o.OFPP_ANY, o.OFPG_ANY, COOKIE, 2**64 - 1,
                            p.OFPMatch()))

    @set_ev_cls([ofp_event.EventOFPFlowStatsReply, ofp_event.EventOFPFlowDescStatsReply],
                MAIN_DISPATCHER)
    def rules_known(self, ev):
        dp = ev.msg.datapath
        if dp.id not in self.switches:
            return
        for match in (stats.match for stats in ev.msg.body if "ipv4_src" in stats.match):
            known = self.containers.get(match["ipv4_src"])
            if known and known[0] in self.switches and known[0] != dp.id:
                self.forget(dp, match["in_port"])   # It moved while 'dp' was away.
            else:
                self.learn(match["ipv4_src"], dp.id, match["in_port"], match["eth_src"])
        if not ev.msg.flags & dp.ofproto.OFPMPF_REPLY_MORE:
            dp, tunnel = self.switches[dp.id]
            self.base_rules(dp, tunnel)
            for address in self.containers:
                self.container_rules(dp, tunnel, address)
            self.logger.info("switch %016x is node %s, by OpenFlow %#x", dp.id, self.nodes[dp.id],
                             dp.ofproto.OFP_VERSION)

    def send(self, dp, data, in_port, out_port):
        p, o = dp.ofproto_parser, dp.ofproto
        source = ({"match": p.OFPMatch(in_port=in_port)} if o.OFP_VERSION >= 6
                  else {"in_port": in_port})
        dp.send_msg(p.OFPPacketOut(dp, buffer_id=o.OFP_NO_BUFFER, data=data,
                                   actions=[p.OFPActionOutput(out_port)], **source))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_came(self, ev):
        dp, port = ev.msg.datapath, ev.msg.match["in_port"]
        headers = packet.Packet(ev.msg.data)
        mac = headers.get_protocol(ethernet.ethernet).src
        question, ip = headers.get_protocol(arp.arp), headers.get_protocol(ipv4.ipv4)
        address = question.src_ip if question else ip.src if ip else "0.0.0.0"
        if (address != "0.0.0.0" and port <= dp.ofproto.OFPP_MAX and dp.id in self.switches
                and port != self.switches[dp.id][1] and self.learn(address, dp.id, port, mac)):
            # It waited for the rules that are there by now.
            dp.send_msg(dp.ofproto_parser.OFPBarrierRequest(dp))
            self.send(dp, ev.msg.data, port, dp.ofproto.OFPP_TABLE)
