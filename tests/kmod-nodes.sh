# kmod-nodes.sh - nodes and containers without Open vSwitch: the kernel routes.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# To be sourced after nodes.sh, whose functions it replaces where they need Open
# vSwitch.  The functions for processes, captures and the underlay stay.
#
#      container  container            container  container
#      eth0 |          | eth0          eth0 |          | eth0
#     - - - | - - - - -|- - - -       - - - | - - - - -|- - - -
#    :     c12        c13      :     :     c22        c23      :
#    :          routes         :     :          routes         :
#    :          eth0 10.0.0.1  :     :          eth0 10.0.0.2  :
#     - - - - - | - - - node n1       - - - - - | - - - node n2
#               | n1      underlay               | n2
#        - - - -|- - - - - - - - - - - - - - - - | - - - - -
#       :    Linux bridge (node_link) or router (underlay_router)
#
#     node_add NODE ADDR/LEN               a namespace that forwards
#     node_counters NODE                   those of the device ipo0
#     container_add NODE NAME ADDR [MTU]   eth0 = ADDR/32, gateway 169.254.0.1
#
# A node has a route to each of its containers, and a container has the gateway
# in its neighbour table.  What is between the nodes is up to the caller:
#
#     node_exec n1 ip link add ipo0 type ipo local 10.0.0.1
#     node_exec n1 ip addr add 192.168.1.1/24 dev ipo0
#     node_exec n1 ip link set ipo0 up
#     node_exec n1 ip route add 192.168.2.0/24 via 10.0.0.2 dev ipo0 onlink
#
# Offloads are as the kernel sets them; _nodes_offloads_off NAME DEV turns them
# off.  rp_filter is on.

_node_check()
{
    { modprobe ipo 2>/dev/null || test -d /sys/module/ipo; } \
        || { echo "no kernel module ipo"; return 1; }
}

node_exec()
(
    _nodes_is node "$1"
    ns=$(_nodes_ns "$1")
    shift
    exec ip netns exec "$ns" "$@"
)

node_add()
(
    _nodes_need
    _nodes_name_ok "$1"
    case $2 in */*) ;; *) _nodes_die "$1: address '$2' has no prefix length" ;; esac
    mkdir "$(_node_dir "$1")" || _nodes_die "cannot make '$(_node_dir "$1")'"
    echo "$2" > "$(_node_dir "$1")/addr"
    _nodes_netns_add "$1"
    _nodes_try "$1: cannot turn forwarding on" node_exec "$1" sh -c '
        cd /proc/sys/net/ipv4 && echo 1 > ip_forward &&
        echo 1 > conf/all/rp_filter && echo 1 > conf/default/rp_filter'
)

# The NIC has the MAC address that other nodes know from nodes.sh as br-phy's.
_node_nic()
{
    _nodes_is node "$1"
    ! test -e "$(_node_dir "$1")/linked" || _nodes_die "$1: is linked already"
    _nodes_try "$1: cannot make the NIC" \
        ip link add name eth0 netns "$(_nodes_ns "$1")" \
        address "$(_nodes_mac 02 00 "$(cat "$(_node_dir "$1")/addr")")" \
        mtu "$NODES_MTU" type veth \
        peer name "$1" netns "$(_nodes_ns underlay)" mtu "$NODES_MTU"
    _nodes_try "$1: cannot set the NIC up" ip -n "$(_nodes_ns "$1")" link set eth0 up
    _nodes_try "$1: cannot set the NIC's other end up" \
        ip -n "$(_nodes_ns underlay)" link set "$1" up
    : > "$(_node_dir "$1")/linked"
    _node_underlay "$1"
}

_node_underlay()
{
    _dir=$(_node_dir "$1")
    _nodes_try "$1: cannot configure the NIC" ip -n "$(_nodes_ns "$1")" \
        addr replace "$(cat "$_dir/addr")" dev eth0
    if test -e "$_dir/gateway"; then
        _nodes_try "$1: cannot add the default route" ip -n "$(_nodes_ns "$1")" \
            route replace default via "$(cat "$_dir/gateway")" dev eth0
    fi
}

node_counters()
(
    _nodes_is node "$1"
    node_exec "$1" ipoctl stats dev ipo0 | _nodes_counters
)

container_add()
(
    container_bare "$1" "$2" "$3" || exit 1
    ns=$(_nodes_ns "$2") mtu=${4:-$NODES_CONTAINER_MTU}
    _nodes_try "$2: cannot make eth0" \
        ip link add name eth0 netns "$ns" address "$(_nodes_mac 02 42 "$3")" \
        mtu "$mtu" type veth peer name "$2" netns "$(_nodes_ns "$1")" \
        address "$NODES_GW_MAC" mtu "$mtu"
    _nodes_try "$2: cannot set up its end on '$1'" \
        ip -n "$(_nodes_ns "$1")" link set "$2" up
    _nodes_try "$2: cannot add its route on '$1'" \
        ip -n "$(_nodes_ns "$1")" route add "$3" dev "$2"
    _nodes_try "$2: cannot set the address" ip -n "$ns" addr add "$3/32" dev eth0
    _nodes_try "$2: cannot set eth0 up" ip -n "$ns" link set eth0 up
    _nodes_try "$2: cannot add the route to the gateway" \
        ip -n "$ns" route add "$NODES_GW" dev eth0 scope link
    _nodes_try "$2: cannot add the default route" \
        ip -n "$ns" route add default via "$NODES_GW" dev eth0
    _nodes_try "$2: cannot add the gateway's MAC address" \
        ip -n "$ns" neigh add "$NODES_GW" dev eth0 lladdr "$NODES_GW_MAC" nud permanent
)
