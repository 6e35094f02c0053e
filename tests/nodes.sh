# nodes.sh - Open vSwitch nodes and containers in network namespaces.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# A library for sh: '. tests/nodes.sh'.  The system tests and ./demo use it.
# It needs root, and finds the Open vSwitch programs on PATH.
#
#      container  container            container  container
#      eth0 |          | eth0          eth0 |          | eth0
#     - - - | - - - - -|- - - -       - - - | - - - - -|- - - -
#    :     c12        c13      :     :     c22        c23      :
#    :   +----------------+    :     :   +----------------+    :
#    :   |     br-int     |    :     :   |     br-int     |    :
#    :   +----------------+    :     :   +----------------+    :
#    :        tunnel port      :     :        tunnel port      :
#    :   +----------------+    :     :   +----------------+    :
#    :   |     br-phy     | 10.0.0.1 :   |     br-phy     | 10.0.0.2
#    :   +----------------+    :     :   +----------------+    :
#    :          | eth0         :     :          | eth0         :
#     - - - - - | - - - node n1       - - - - - | - - - node n2
#               | n1      underlay               | n2
#        - - - -|- - - - - - - - - - - - - - - - | - - - - -
#       :    Linux bridge (node_link) or router (underlay_router)
#
# Each dotted box and each container is a network namespace named
# $NODES_PREFIX-NAME.  Interfaces live in those only, so their names are plain.
#
#     nodes_check                              can nodes run here?  says why not
#     nodes_init [DIR [PREFIX]]                start: sets NODES_DIR, NODES_PREFIX
#     nodes_attach DIR                         go on with what another shell started
#     nodes_cleanup [--keep-logs]              end and remove all of it
#
#     node_add NODE ADDR/LEN                   daemons, br-int and br-phy with ADDR
#     node_link NODE...                        plug the NICs into one Linux bridge
#     underlay_router NODE GW/LEN NODE GW/LEN...   or into a Linux router
#     underlay_exec CMD...                     run CMD in the bridge's or router's namespace
#     node_tunnel NODE PORT TYPE [KEY=VALUE...]    add or replace a tunnel port
#     node_route NODE PREFIX PORT [ACTIONS]    steer PREFIX to PORT, after ACTIONS
#     node_deny NODE SRC DST, node_allow NODE SRC DST
#     node_flow NODE FLOW                      one more OpenFlow rule on br-int
#     node_exec NODE CMD...                    run CMD in the node's namespace
#     node_spawn NODE TAG CMD...               in the background, output in a log
#     node_stop NODE TAG [SIGNAL]              end it
#     node_log NODE TAG                        print the log
#     node_vsctl NODE ARG..., node_ofctl NODE ARG..., node_appctl NODE ARG...
#     node_stop_vswitchd NODE [SIGNAL], node_start_vswitchd NODE
#     node_exit_vswitchd NODE [--cleanup]      end it by its command "exit"
#     node_restart_vswitchd NODE [SIGNAL]      br-int's rules come back
#     node_stop_ovsdb NODE [SIGNAL], node_start_ovsdb NODE
#     node_log_problems NODE [IGNORE_RE]       warnings and worse in the logs
#     node_counters NODE                       ipo's counters of the node's datapath
#     node_memory NODE                         KiB that its ovs-vswitchd has in memory
#     nodes_kernel_memory                      KiB that the kernel has for itself
#     nodes_address_sanitizer                  true when ovs-vswitchd has AddressSanitizer
#     nodes_memory_kept                        KiB of what it freed that ovs-vswitchd keeps
#
#     container_add NODE NAME ADDR [MTU]       eth0 = ADDR/32, gateway 169.254.0.1
#     container_bare NODE NAME ADDR            the same, but nothing is in it yet
#     container_mtu NAME MTU
#     container_exec NAME CMD...
#     container_spawn NAME TAG CMD...          in the background, output in a log
#     container_stop NAME TAG [SIGNAL]         end it
#     container_log NAME TAG                   print the log
#     container_listens NAME tcp|udp PORT      true when a socket is bound
#     container_reaches NAME ADDR              true when one ping is answered
#
#     node_capture NODE FILE [FILTER...]       tcpdump on the node's NIC
#     container_capture NAME FILE [FILTER...]  tcpdump on the container's eth0
#     capture_stop FILE                        FILE is complete after this
#
#     wait_until [-t SECONDS] CMD...           poll (a lone argument is evaluated)
#
# Each function returns 0, or prints one line that says what failed and returns
# 1.  All state is in files under NODES_DIR, so it does not matter which shell
# calls.  Functions have '( )' bodies where they can: their variables are local.
#
# Settings, read when the functions run:
: "${NODES_DATAPATH:=netdev}"        # datapath_type: netdev, or system
: "${NODES_MTU:=1500}"               # MTU of the underlay
: "${NODES_CONTAINER_MTU:=1450}"     # MTU of a container when none is given
: "${NODES_RULES:=yes}"             # no: br-int gets none, they are somebody else's
: "${NODES_DEC_TTL:=no}"             # yes: rules to containers have dec_ttl
: "${NODES_TIMEOUT:=20}"             # seconds wait_until polls

# The gateway that every container uses.  It exists as rules in br-int only.
NODES_GW=169.254.0.1
NODES_GW_MAC=02:00:a9:fe:00:01

# --- Helpers ---------------------------------------------------------------

# _nodes_say WORD...: prints a line of what went wrong.
_nodes_say()
{
    echo "nodes: $*" >&2
}

# For functions with '( )' bodies: exit leaves the function only.
_nodes_die()
{
    _nodes_say "$*"
    exit 1
}

# _nodes_try WHAT CMD...: runs CMD quietly; if it fails, one line names WHAT.
_nodes_try()
{
    _what=$1
    shift
    _out=$("$@" 2>&1) && return 0
    _nodes_die "$_what: $(printf '%s\n' "${_out:-failed without a message}" | tail -n 1)"
}

# _nodes_ns NAME: the namespace of the node or container NAME, or 'underlay'.
_nodes_ns()
{
    echo "$NODES_PREFIX-$1"
}

# Dies unless this shell knows of nodes.
_nodes_need()
{
    test -n "$NODES_DIR" || _nodes_die "call nodes_init first"
}

# _nodes_is KIND NAME: dies unless NAME is a KIND (node or container) of ours.
_nodes_is()
{
    _nodes_need
    test -d "$NODES_DIR/$1/$2" || _nodes_die "no $1 named '$2'"
}

# A name becomes an interface (15 characters at most) and part of a path.
_nodes_name_ok()
{
    case $1 in
        '' | *[!a-z0-9-]* | -*) _nodes_die "bad name '$1': use a-z, 0-9 and '-'" ;;
        br-int | br-phy | eth0 | lo | underlay) _nodes_die "name '$1' is taken" ;;
    esac
    test ${#1} -le 13 || _nodes_die "name '$1' is longer than 13 characters"
    for _kind in node container; do
        test ! -e "$NODES_DIR/$_kind/$1" || _nodes_die "name '$1' is already in use"
    done
}

# _nodes_mac FIRST SECOND ADDR: a MAC address made from an IPv4 address.
_nodes_mac()
(
    mac="$1:$2"
    IFS=.
    for octet in ${3%/*}; do
        mac=$mac:$(printf %02x "$octet") || exit 1
    done
    echo "$mac"
)

# _nodes_netns_add NAME: adds the namespace of NAME, for nodes_cleanup to remove.
_nodes_netns_add()
{
    # Written down first, so that an interrupted run is cleaned up too.
    echo "$1" >> "$NODES_DIR/netns"
    _nodes_try "cannot add namespace '$(_nodes_ns "$1")'" \
        ip netns add "$(_nodes_ns "$1")"
    _nodes_try "cannot set lo up in '$1'" \
        ip -n "$(_nodes_ns "$1")" link set lo up
    # No router solicitations and the like between the packets under test.
    # shellcheck disable=SC2016
    _nodes_try "cannot turn IPv6 off in '$1'" \
        ip netns exec "$(_nodes_ns "$1")" sh -c '
            for f in all default; do
                f=/proc/sys/net/ipv6/conf/$f/disable_ipv6
                ! test -e "$f" || echo 1 > "$f" || exit 1
            done'
}

# Checksums and segments must be final in what the container hands to OVS: its
# userspace datapath does not finish them.
_nodes_offloads_off()
{
    _nodes_try "cannot turn offloads off on '$2' of '$1'" \
        ip netns exec "$(_nodes_ns "$1")" \
        ethtool -K "$2" tx off tso off gso off gro off
}

# Prints the port number of a port, the same one whenever it is added again, so
# that rules stay right when a port is replaced or ovs-vswitchd restarts.
_nodes_ofport()
(
    list=$NODES_DIR/node/$1/ofports
    grep -qsxF -e "$2" "$list" || echo "$2" >> "$list"
    grep -nxF -e "$2" "$list" | cut -d: -f1
)

# _nodes_port NODE BRIDGE PORT [ARG...]: adds a port; ARG are settings of the interface.
_nodes_port()
{
    _node=$1 _bridge=$2 _port=$3
    shift 3
    _nodes_try "$_node: cannot add port '$_port'" \
        node_vsctl "$_node" -- --if-exists del-port "$_port" \
        -- add-port "$_bridge" "$_port" \
        -- set interface "$_port" \
        ofport_request="$(_nodes_ofport "$_node" "$_port")" "$@"
    # ovs-vsctl succeeds even when the port could not be set up.
    _n=$(node_vsctl "$_node" get interface "$_port" ofport)
    case $_n in
        '' | *[!0-9]*)
            _out=$(node_vsctl "$_node" get interface "$_port" error)
            node_vsctl "$_node" del-port "$_port"
            _nodes_die "$_node: cannot set up port '$_port': $_out" ;;
    esac
}

# --- Processes -------------------------------------------------------------

# Each process that is started has a file in NODES_DIR/pids: its pid, and when
# it started.  A pid that the kernel has given to somebody else since has
# another start time.

# _nodes_pid_file WHAT: the file of the process WHAT.
_nodes_pid_file()
{
    echo "$NODES_DIR/pids/$(printf %s "$1" | tr -c 'A-Za-z0-9.\n-' _)"
}

# Prints a process's state (one letter) and start time.
_nodes_stat()
{
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 1,20
}

# _nodes_pid_write WHAT PID
_nodes_pid_write()
{
    echo "$2 $(_nodes_stat "$2" | cut -d ' ' -f 2)" > "$(_nodes_pid_file "$1")"
}

# True while the process of this file runs.  A zombie does not.
_nodes_runs()
(
    test -e "$1" && read -r pid start < "$1" && test -n "$start" || exit 1
    case $(_nodes_stat "$pid") in
        [ZX]*) exit 1 ;;
        ?" $start") exit 0 ;;
        *) exit 1 ;;
    esac
)

# _nodes_gone FILE: true unless the process of this file runs.
_nodes_gone()
{
    ! _nodes_runs "$1"
}

# _nodes_end FILE [SIGNAL]: ends the process, with KILL if it does not listen.
_nodes_end()
(
    test -e "$1" || exit 0
    if _nodes_runs "$1"; then
        read -r pid start < "$1"
        kill "-${2:-TERM}" "$pid" 2>/dev/null
        if ! _nodes_poll 10 _nodes_gone "$1"; then
            kill -KILL "$pid" 2>/dev/null
            _nodes_poll 10 _nodes_gone "$1" \
                || _nodes_die "process $pid (${1##*/}) does not end"
        fi
    fi
    rm -f "$1"
)

# _nodes_spawn DIR NAME TAG CMD...: runs CMD in the background in NAME's namespace,
# with a log in DIR.  The process is CMD itself, for _nodes_end to end.
_nodes_spawn()
(
    log=$1/$3.log name=$2 tag=$3 ns=$(_nodes_ns "$2")
    shift 3
    _nodes_gone "$(_nodes_pid_file "$name.$tag")" || _nodes_die "$name: '$tag' runs already"
    command -v "$1" >/dev/null || _nodes_die "$name: no $1 on PATH"
    ip netns exec "$ns" "$@" > "$log" 2>&1 < /dev/null &
    _nodes_pid_write "$name.$tag" $!
)

# --- Waiting ---------------------------------------------------------------

# _nodes_poll SECONDS CMD...: runs CMD, or evaluates a lone argument, until that
# succeeds, and fails if it takes longer.
_nodes_poll()
(
    end=$(($(date +%s) + $1))
    shift
    until if test $# -eq 1; then eval "$1"; else "$@"; fi >/dev/null 2>&1; do
        test "$(date +%s)" -lt $end || exit 1
        sleep 0.1
    done
)

wait_until()
(
    seconds=$NODES_TIMEOUT
    if test "$1" = -t; then
        seconds=$2
        shift 2
    fi
    _nodes_poll "$seconds" "$@" \
        || _nodes_die "gave up after $seconds seconds waiting for: $*"
)

# --- The whole -------------------------------------------------------------

# Prints the reason and returns 1 when nodes cannot run here.
nodes_check()
(
    test "$(id -u)" = 0 || { echo "not root"; exit 1; }
    _nodes_programs ip ss ethtool tcpdump ping timeout && _node_check || exit 1
    ns=$(mktemp -u ipo-check-XXXXXX)
    ip netns add "$ns" 2>/dev/null || { echo "cannot add a network namespace"; exit 1; }
    ip -n "$ns" link add name v0 type veth peer name v1 2>/dev/null
    status=$?
    ip netns del "$ns"
    test $status = 0 || { echo "cannot add a veth pair"; exit 1; }
)

# _nodes_programs PROGRAM...: says which is missing, if one is.
_nodes_programs()
{
    for program; do
        command -v "$program" >/dev/null || { echo "no $program on PATH"; return 1; }
    done
}

# What nodes need beyond that.
_node_check()
{
    _nodes_programs ovsdb-tool ovsdb-server ovs-vswitchd ovs-vsctl ovs-ofctl ovs-appctl || return 1
    _nodes_schema >/dev/null || { echo "no vswitch.ovsschema"; return 1; }
    test "$NODES_DATAPATH" != netdev || test -c /dev/net/tun \
        || { echo "no /dev/net/tun"; return 1; }
}

# Prints the path of vswitch.ovsschema, or fails.
_nodes_schema()
(
    for file in "$NODES_SCHEMA" \
                "$(dirname "$(command -v ovs-vswitchd)")/vswitch.ovsschema" \
                /usr/share/openvswitch/vswitch.ovsschema \
                /usr/local/share/openvswitch/vswitch.ovsschema; do
        if test -f "$file"; then
            echo "$file"
            exit 0
        fi
    done
    exit 1
)

# DIR must be new or empty: nodes_cleanup removes it.  PREFIX must be no other
# run's; the default is made from the shell's pid.
nodes_init()
{
    NODES_PREFIX=${2:-ipo$$}
    if test -n "$1"; then
        NODES_DIR=$1
        case $NODES_DIR in /*) ;; *) NODES_DIR=$(pwd)/$NODES_DIR ;; esac
    else
        NODES_DIR=$(mktemp -d "${TMPDIR:-/tmp}/$NODES_PREFIX.XXXXXX") || NODES_DIR=
    fi
    if _nodes_init; then
        return 0
    fi
    test -n "$1" || rmdir "$NODES_DIR" 2>/dev/null
    NODES_DIR='' NODES_PREFIX=''
    return 1
}

# Checks NODES_DIR and NODES_PREFIX, and makes what is in NODES_DIR from the start.
_nodes_init()
(
    reason=$(nodes_check) || _nodes_die "cannot run nodes here: $reason"
    test -n "$NODES_DIR" || _nodes_die "cannot make a temporary directory"
    case $NODES_PREFIX in
        *[!a-z0-9]*) _nodes_die "bad prefix '$NODES_PREFIX': use a-z and 0-9" ;;
    esac
    test -z "$(ls -A "$NODES_DIR" 2>/dev/null)" || _nodes_die "'$NODES_DIR' is not empty"
    for ns in /run/netns/"$NODES_PREFIX"-*; do
        ! test -e "$ns" || _nodes_die "prefix '$NODES_PREFIX' is in use: namespace '${ns##*/}'"
    done
    mkdir -p "$NODES_DIR/node" "$NODES_DIR/container" "$NODES_DIR/pids" \
        || _nodes_die "cannot make '$NODES_DIR'"
    echo "$NODES_PREFIX" > "$NODES_DIR/prefix"
)

nodes_attach()
{
    test -s "$1/prefix" || { _nodes_say "no nodes in '$1'"; return 1; }
    NODES_DIR=$1
    NODES_PREFIX=$(cat "$1/prefix")
}

# May be called at any time, as often as one likes.
nodes_cleanup()
{
    _nodes_cleanup "$@" || return 1
    NODES_DIR='' NODES_PREFIX=''
}

# Ends and removes all, if there is anything.
_nodes_cleanup()
(
    test -n "$NODES_DIR" && test -s "$NODES_DIR/prefix" || exit 0
    status=0
    # ovs-vswitchd before its database, and what uses the network before both.
    for file in "$NODES_DIR"/pids/*; do
        case $file in */ovs* | *.err | *.early) continue ;; esac
        _nodes_end "$file" || status=1
    done
    for file in "$NODES_DIR"/pids/ovs-vswitchd* "$NODES_DIR"/pids/ovs*; do
        _nodes_end "$file" || status=1
    done
    if test -e "$NODES_DIR/netns"; then
        while read -r name; do
            ns=$(_nodes_ns "$name")
            test ! -e "/run/netns/$ns" || ip netns del "$ns" </dev/null \
                || { _nodes_say "cannot remove namespace '$ns'"; status=1; }
        done < "$NODES_DIR/netns"
    fi
    test $status = 0 || exit 1
    if test "$1" = --keep-logs; then
        rm -f "$NODES_DIR/prefix"
        find "$NODES_DIR" ! -type d ! -name '*.log' ! -name '*.pcap' -exec rm -f {} +
    else
        rm -rf "$NODES_DIR"
    fi
)

# --- Nodes -----------------------------------------------------------------

# _node_dir NODE: the folder of NODE's files.
_node_dir()
{
    echo "$NODES_DIR/node/$1"
}

node_exec()
(
    _nodes_is node "$1"
    ns=$(_nodes_ns "$1") dir=$(_node_dir "$1")
    shift
    exec ip netns exec "$ns" env OVS_RUNDIR="$dir" OVS_LOGDIR="$dir" OVS_DBDIR="$dir" \
        OVS_SYSCONFDIR="$dir" "$@"
)

node_spawn()
(
    _nodes_is node "$1"
    OVS_RUNDIR=$(_node_dir "$1")
    OVS_LOGDIR=$OVS_RUNDIR OVS_DBDIR=$OVS_RUNDIR OVS_SYSCONFDIR=$OVS_RUNDIR
    export OVS_RUNDIR OVS_LOGDIR OVS_DBDIR OVS_SYSCONFDIR
    _nodes_spawn "$OVS_RUNDIR" "$@"
)

node_stop()
(
    _nodes_is node "$1"
    _nodes_end "$(_nodes_pid_file "$1.$2")" "$3"
)

node_log()
(
    _nodes_is node "$1"
    cat "$(_node_dir "$1")/$2.log"
)

# What programs shall not say of a machine that is slow.
_nodes_quiet='-vtimeval:console:off -vcoverage:console:off'

# The programs talk over sockets in the node's directory; they need no namespace.
# shellcheck disable=SC2086
node_vsctl()
(
    _nodes_is node "$1"
    dir=$(_node_dir "$1")
    shift
    OVS_RUNDIR=$dir exec ovs-vsctl $_nodes_quiet --timeout=30 --db="unix:$dir/db.sock" "$@"
)

# shellcheck disable=SC2086
node_ofctl()
(
    _nodes_is node "$1"
    dir=$(_node_dir "$1")
    shift
    OVS_RUNDIR=$dir exec ovs-ofctl $_nodes_quiet -O OpenFlow13 --timeout=30 "$@"
)

# shellcheck disable=SC2086
node_appctl()
(
    _nodes_is node "$1"
    dir=$(_node_dir "$1")
    shift
    OVS_RUNDIR=$dir exec ovs-appctl $_nodes_quiet --timeout=30 "$@"
)

node_add()
(
    _nodes_need
    _nodes_name_ok "$1"
    case $2 in */*) ;; *) _nodes_die "$1: address '$2' has no prefix length" ;; esac
    dir=$(_node_dir "$1")
    mkdir "$dir" || _nodes_die "cannot make '$dir'"
    echo "$2" > "$dir/addr"
    echo "$NODES_DATAPATH" > "$dir/datapath"
    _nodes_netns_add "$1"

    _nodes_try "$1: cannot make the database" \
        ovsdb-tool create "$dir/conf.db" "$(_nodes_schema)"
    node_start_ovsdb "$1" || exit 1
    _nodes_try "$1: cannot set up the database" node_vsctl "$1" --no-wait init
    _nodes_try "$1: cannot name the bridges" node_vsctl "$1" --no-wait \
        -- add-br br-int -- set bridge br-int datapath_type="$NODES_DATAPATH" \
        fail_mode=secure other-config:hwaddr="$(_nodes_mac 02 02 "$2")" \
        -- add-br br-phy -- set bridge br-phy datapath_type="$NODES_DATAPATH" \
        other-config:hwaddr="$(_nodes_mac 02 00 "$2")"

    # ARP from a container is answered here, whatever it asks for.
    : > "$dir/flows"
    test "$NODES_RULES" = no || cat > "$dir/flows" <<END || _nodes_die "cannot write '$dir/flows'"
priority=0 actions=drop
priority=200,arp,arp_op=1 actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:$NODES_GW_MAC->eth_src,set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],set_field:$NODES_GW_MAC->arp_sha,move:NXM_OF_ARP_TPA[]->NXM_NX_REG0[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],move:NXM_NX_REG0[]->NXM_OF_ARP_SPA[],IN_PORT
END
    node_start_vswitchd "$1"
)

# _nodes_daemon_pid NODE DAEMON: remembers the process that DAEMON's pidfile names.
_nodes_daemon_pid()
{
    _pid=$(cat "$(_node_dir "$1")/$2.pid" 2>/dev/null) \
        || _nodes_die "$1: $2 left no pidfile"
    _nodes_pid_write "$2.$1" "$_pid"
}

node_start_ovsdb()
(
    _nodes_is node "$1"
    dir=$(_node_dir "$1")
    _nodes_try "$1: cannot start ovsdb-server" \
        node_exec "$1" ovsdb-server --no-chdir --detach --pidfile \
        --log-file -vfile:info -vconsole:off -vsyslog:off \
        --remote="punix:$dir/db.sock" "$dir/conf.db"
    _nodes_daemon_pid "$1" ovsdb-server
)

node_stop_ovsdb()
(
    _nodes_is node "$1"
    _nodes_end "$(_nodes_pid_file "ovsdb-server.$1")" "$2"
)

node_start_vswitchd()
(
    _nodes_is node "$1"
    dir=$(_node_dir "$1")
    _nodes_gone "$(_nodes_pid_file "ovs-vswitchd.$1")" \
        || _nodes_die "$1: ovs-vswitchd runs already"
    _nodes_try "$1: cannot start ovs-vswitchd (see $dir/ovs-vswitchd.log)" \
        node_exec "$1" timeout 60 ovs-vswitchd --no-chdir --detach --pidfile \
        --log-file -vfile:info -vconsole:off -vsyslog:off "unix:$dir/db.sock"
    _nodes_daemon_pid "$1" ovs-vswitchd

    for bridge in br-int br-phy; do
        _nodes_poll 10 "node_appctl '$1' dpif/show | grep -q '^ *$bridge:'" \
            || _nodes_die "$1: no bridge $bridge with datapath '$(cat "$dir/datapath")'" \
                "(see $dir/ovs-vswitchd.log)"
    done
    _node_underlay "$1"
    test ! -s "$dir/flows" || _nodes_try "$1: cannot add the rules of br-int" \
        node_ofctl "$1" add-flows br-int "$dir/flows"
)

# br-phy's own interface is in the kernel.  Its address and routes are what
# native tunnels look up.
_node_underlay()
{
    _dir=$(_node_dir "$1") _addr=$(cat "$(_node_dir "$1")/addr")
    _nodes_try "$1: cannot configure br-phy" ip -n "$(_nodes_ns "$1")" \
        addr replace "$_addr" dev br-phy
    _nodes_try "$1: cannot set br-phy up" ip -n "$(_nodes_ns "$1")" \
        link set br-phy mtu "$NODES_MTU" up
    if test -e "$_dir/gateway"; then
        _nodes_try "$1: cannot add the default route" ip -n "$(_nodes_ns "$1")" \
            route replace default via "$(cat "$_dir/gateway")" dev br-phy
        wait_until "node_appctl '$1' ovs/route/show | grep -q '0\.0\.0\.0/0.* dev br-phy '" || exit 1
    fi
    wait_until "node_appctl '$1' ovs/route/show | grep -q ' dev br-phy .*SRC ${_addr%/*}\$'" || exit 1
}

node_stop_vswitchd()
(
    _nodes_is node "$1"
    _nodes_end "$(_nodes_pid_file "ovs-vswitchd.$1")" "$2" || exit 1
    # Its successor must find the database's lock free.
    wait_until "! node_appctl '$1' -t ovsdb-server memory/show | grep -q 'sessions:[1-9]'"
)

# As Open vSwitch's scripts do.  What LeakSanitizer finds, it finds when a program
# exits, not when a signal ends it.
node_exit_vswitchd()
(
    # shellcheck disable=SC2086  # There may be none.
    node_appctl "$1" exit $2 \
        && wait_until _nodes_gone "$(_nodes_pid_file "ovs-vswitchd.$1")" \
        && node_stop_vswitchd "$1"
)

node_restart_vswitchd()
(
    node_stop_vswitchd "$@" && node_start_vswitchd "$1"
)

# _node_nic NODE: plugs the node's NIC into the namespace 'underlay'.
_node_nic()
{
    _nodes_is node "$1"
    ! test -e "$(_node_dir "$1")/linked" || _nodes_die "$1: is linked already"
    _addr=$(cat "$(_node_dir "$1")/addr")
    # The NIC's MAC address differs from br-phy's and it answers no ARP, so
    # that the kernel leaves the packets to Open vSwitch.
    _nodes_try "$1: cannot make the NIC" \
        ip link add name eth0 netns "$(_nodes_ns "$1")" \
        address "$(_nodes_mac 02 01 "$_addr")" mtu "$NODES_MTU" type veth \
        peer name "$1" netns "$(_nodes_ns underlay)" mtu "$NODES_MTU"
    _nodes_offloads_off "$1" eth0
    _nodes_try "$1: cannot set the NIC up" \
        ip -n "$(_nodes_ns "$1")" link set eth0 arp off up
    _nodes_try "$1: cannot set the NIC's other end up" \
        ip -n "$(_nodes_ns underlay)" link set "$1" up
    _nodes_offloads_off underlay "$1"
    _nodes_port "$1" br-phy eth0
    : > "$(_node_dir "$1")/linked"
}

node_link()
(
    _nodes_need
    if ! grep -qsx underlay "$NODES_DIR/netns"; then
        _nodes_netns_add underlay
        _nodes_try "cannot add the underlay's bridge" ip -n "$(_nodes_ns underlay)" \
            link add name bridge mtu "$NODES_MTU" type bridge mcast_snooping 0
        _nodes_try "cannot set the underlay's bridge up" ip -n "$(_nodes_ns underlay)" \
            link set bridge up
    fi
    for node; do
        _node_nic "$node"
        _nodes_try "$node: cannot join the underlay's bridge" \
            ip -n "$(_nodes_ns underlay)" link set "$node" master bridge
    done
)

# The router's interface towards a node has the node's name.  To make the
# router fragment: 'underlay_exec ip link set n2 mtu 1400'.
underlay_router()
(
    _nodes_need
    ! grep -qsx underlay "$NODES_DIR/netns" || _nodes_die "there is an underlay already"
    _nodes_netns_add underlay
    # shellcheck disable=SC2016
    _nodes_try "cannot turn forwarding on in the router" underlay_exec sh -c '
        echo 1 > /proc/sys/net/ipv4/ip_forward
        for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > "$f"; done'
    while test $# -gt 0; do
        test $# -ge 2 || _nodes_die "underlay_router: node '$1' has no gateway address"
        _node_nic "$1"
        _nodes_try "$1: cannot give the router '$2'" \
            ip -n "$(_nodes_ns underlay)" addr add "$2" dev "$1"
        echo "${2%/*}" > "$(_node_dir "$1")/gateway"
        _node_underlay "$1"
        shift 2
    done
)

underlay_exec()
(
    _nodes_need
    exec ip netns exec "$(_nodes_ns underlay)" "$@"
)

# A KEY without a column ('bfd:enable') is one of the column 'options'.
node_tunnel()
(
    _nodes_is node "$1"
    test $# -ge 3 || _nodes_die "$1: node_tunnel needs a port and a type"
    node=$1 port=$2 type=$3
    shift 3
    n=$#
    while test "$n" -gt 0; do
        case ${1%%=*} in
            *:*) set -- "$@" "$1" ;;
            *) set -- "$@" "options:$1" ;;
        esac
        shift
        n=$((n - 1))
    done
    _nodes_port "$node" br-int "$port" type="$type" "$@"
)

node_flow()
(
    _nodes_is node "$1"
    _nodes_try "$1: cannot add rule '$2'" node_ofctl "$1" add-flow br-int "$2"
    echo "$2" >> "$(_node_dir "$1")/flows"
)

# The rule is good for a container, an L2 tunnel and an L3 tunnel: packets from
# and to an L3 port have no Ethernet header, and OVS makes one with zero
# addresses, so they are set before each output.
node_route()
(
    _nodes_is node "$1"
    node_flow "$1" "priority=100,ip,nw_dst=$2 actions=${4:+$4,}set_field:$NODES_GW_MAC->eth_src,set_field:${5:-$NODES_GW_MAC}->eth_dst,output:$3"
)

node_deny()
(
    node_flow "$1" "priority=300,ip,nw_src=$2,nw_dst=$3 actions=drop"
)

node_allow()
(
    _nodes_is node "$1"
    rule="priority=300,ip,nw_src=$2,nw_dst=$3"
    _nodes_try "$1: cannot remove rule '$rule'" \
        node_ofctl "$1" --strict del-flows br-int "$rule"
    flows=$(_node_dir "$1")/flows
    grep -vxF -e "$rule actions=drop" "$flows" > "$flows.new"
    mv "$flows.new" "$flows"
)

node_memory()
(
    _nodes_is node "$1"
    read -r pid _ < "$(_nodes_pid_file "ovs-vswitchd.$1")" || _nodes_die "$1: no ovs-vswitchd"
    awk '$1 == "VmRSS:" { print $2 }' "/proc/$pid/status"
)

# Of slabs and per CPU, caches included.
nodes_kernel_memory()
{
    awk '$1 == "Slab:" || $1 == "Percpu:" { n += $2 } END { print n }' /proc/meminfo
}

# (Open vSwitch's tests set $ASAN_OPTIONS in every build.)
nodes_address_sanitizer()
{
    grep -q __asan_init "$(command -v ovs-vswitchd)"
}

# AddressSanitizer keeps 256 MB, and what it needs for them.
nodes_memory_kept()
{
    if nodes_address_sanitizer; then
        echo 300000
    else
        echo 0
    fi
}

# One a line: DIRECTION carried|dropped NAME NUMBER, DIRECTION being "sent" or
# "received".
node_counters()
(
    _nodes_is node "$1"
    case $(cat "$(_node_dir "$1")/datapath") in
        netdev) node_appctl "$1" ipo/show ;;
        *) node_exec "$1" ipoctl stats dev ipo_sys ;;
    esac | _nodes_counters
)

# Turns what ipo/show or ipoctl prints into these lines.
_nodes_counters()
{
    awk '
        $1 == "packets" { d = $2; sub(":", "", d) }
        d != "" && NF == 2 && $1 ~ /:$/ { sub(":", "", $1); print d, "carried", $1, $2 }
        d != "" && $1 == "dropped" { sub(":", "", $2); print d, $1, $2, $3 }'
}

# (That ovs-vswitchd had to wait for a busy machine is no problem, nor that a
# command did not wait for an answer.)
node_log_problems()
(
    _nodes_is node "$1"
    ! grep -hE '\|(WARN|ERR|EMER)\|' "$(_node_dir "$1")"/ovs*.log \
        | grep -vE -e '\|timeval(\([^)]*\))?\|WARN\|' -e '\|unix#[0-9]+: .*Broken pipe' \
        | grep -vE -e "${2:-^\$}" | sed "s/^/$1: /" | grep .
)

# --- Containers ------------------------------------------------------------

# For whoever gives it eth0 and the address.
container_bare()
(
    _nodes_is node "$1"
    _nodes_name_ok "$2"
    case $3 in
        *.*.*.*/*) _nodes_die "$2: address '$3' has a prefix length" ;;
        *.*.*.*) ;;
        *) _nodes_die "$2: '$3' is not an IPv4 address" ;;
    esac
    mkdir "$NODES_DIR/container/$2" || _nodes_die "cannot make '$NODES_DIR/container/$2'"
    echo "$1" > "$NODES_DIR/container/$2/node"
    echo "$3" > "$NODES_DIR/container/$2/addr"
    _nodes_netns_add "$2"
)

container_add()
(
    container_bare "$1" "$2" "$3" || exit 1
    mac=$(_nodes_mac 02 42 "$3") ns=$(_nodes_ns "$2")
    _nodes_try "$2: cannot make eth0" \
        ip link add name eth0 netns "$ns" address "$mac" \
        mtu "${4:-$NODES_CONTAINER_MTU}" type veth \
        peer name "$2" netns "$(_nodes_ns "$1")" mtu "${4:-$NODES_CONTAINER_MTU}"
    _nodes_offloads_off "$2" eth0
    _nodes_try "$2: cannot set the address" ip -n "$ns" addr add "$3/32" dev eth0
    _nodes_try "$2: cannot set eth0 up" ip -n "$ns" link set eth0 up
    _nodes_try "$2: cannot add the route to the gateway" \
        ip -n "$ns" route add $NODES_GW dev eth0 scope link
    _nodes_try "$2: cannot add the default route" \
        ip -n "$ns" route add default via $NODES_GW dev eth0
    _nodes_try "$2: cannot set up its end on '$1'" \
        ip -n "$(_nodes_ns "$1")" link set "$2" arp off up
    # The kernel's datapath may merge what arrives in a tunnel.  The container
    # shall get the packets that were sent.
    test "$NODES_DATAPATH" = netdev || _nodes_offloads_off "$1" "$2"
    _nodes_port "$1" br-int "$2"
    test "$NODES_RULES" != no || exit 0
    dec_ttl=
    test "$NODES_DEC_TTL" != yes || dec_ttl=dec_ttl
    node_route "$1" "$3" "$2" "$dec_ttl" "$mac"
)

container_mtu()
(
    _nodes_is container "$1"
    _nodes_try "$1: cannot set MTU $2" ip -n "$(_nodes_ns "$1")" link set eth0 mtu "$2"
    _nodes_try "$1: cannot set MTU $2 on the node" \
        ip -n "$(_nodes_ns "$(cat "$NODES_DIR/container/$1/node")")" link set "$1" mtu "$2"
)

container_exec()
(
    _nodes_is container "$1"
    ns=$(_nodes_ns "$1")
    shift
    exec ip netns exec "$ns" "$@"
)

container_spawn()
(
    _nodes_is container "$1"
    _nodes_spawn "$NODES_DIR/container/$1" "$@"
)

container_stop()
(
    _nodes_is container "$1"
    _nodes_end "$(_nodes_pid_file "$1.$2")" "$3"
)

container_log()
(
    _nodes_is container "$1"
    cat "$NODES_DIR/container/$1/$2.log"
)

container_listens()
(
    case $2 in
        tcp) container_exec "$1" ss -Hltn "sport = :$3" | grep -q . ;;
        udp) container_exec "$1" ss -Hlun "sport = :$3" | grep -q . ;;
        *) _nodes_die "container_listens: '$2' is not tcp or udp" ;;
    esac
)

container_reaches()
(
    container_exec "$1" ping -n -q -c 1 -w 1 "$2" >/dev/null
)

# --- Captures --------------------------------------------------------------

node_capture()
(
    _nodes_is node "$1"
    _capture "$@"
)

container_capture()
(
    _nodes_is container "$1"
    _capture "$@"
)

# _capture NAME FILE [FILTER...]: captures on eth0 of the node or container NAME.
_capture()
{
    _name=$1 _file=$2 _ns=$(_nodes_ns "$1")
    shift 2
    case $_file in /*) ;; *) _file=$(pwd)/$_file ;; esac
    _pids=$(_nodes_pid_file "capture$_file")
    _nodes_gone "$_pids" || _nodes_die "$_name: '$_file' is being written already"
    rm -f "$_file" "$_pids.err"
    # -Z root: Debian's tcpdump would otherwise give up the right to write.
    ip netns exec "$_ns" tcpdump -Z root -i eth0 -n -s 0 -B 16384 -U --immediate-mode \
        -w "$_file" "$@" >> "$_pids.err" 2>&1 < /dev/null &
    _nodes_pid_write "capture$_file" $!
    _nodes_poll "$NODES_TIMEOUT" \
        "grep -q 'listening on' '$_pids.err' || _nodes_gone '$_pids'"
    grep -q 'listening on' "$_pids.err" || {
        _nodes_end "$_pids"
        _nodes_die "$_name: cannot capture to '$_file':" \
            "$(tail -n 1 "$_pids.err")"
    }
    _capture_pending "$_pids" > "$_pids.early" \
        || _nodes_die "$_name: the capture to '$_file' ended at once"
}

# _capture_pending PIDS: prints how many packets the kernel has counted that
# tcpdump has not written yet.  SIGUSR1 makes tcpdump say.
_capture_pending()
(
    read -r pid start < "$1" || exit 1
    : > "$1.err"
    kill -USR1 "$pid" || exit 1
    _nodes_poll 2 "grep -q 'dropped by kernel' '$1.err'" || exit 1
    sed -n 's/.*[^0-9]\([0-9][0-9]*\) packets\{0,1\} captured, \([0-9]*\) packets\{0,1\} received by filter, \([0-9]*\) .*/\1 \2 \3/p' "$1.err" | {
        read -r captured received dropped && echo $((received - captured - dropped))
    }
)

# True when tcpdump has written all, but for the packets that came before it had
# set its filter, which it counted and threw away.
_capture_complete()
(
    pending=$(_capture_pending "$1") && test "$pending" -le "$(cat "$1.early")"
)

capture_stop()
(
    _nodes_need
    file=$1
    case $file in /*) ;; *) file=$(pwd)/$file ;; esac
    pids=$(_nodes_pid_file "capture$file")
    test -e "$pids" || _nodes_die "no capture to '$file'"
    _nodes_runs "$pids" || _nodes_die "the capture to '$file' ended: $(tail -n 1 "$pids.err")"
    _nodes_poll "$NODES_TIMEOUT" _capture_complete "$pids" \
        || _nodes_die "the capture to '$file' does not complete"
    : > "$pids.err"
    _nodes_end "$pids" || exit 1
    dropped=$(sed -n 's/^\([0-9][0-9]*\) packets\{0,1\} dropped by kernel.*/\1/p' "$pids.err")
    rm -f "$pids.err" "$pids.early"
    test "${dropped:-0}" = 0 || _nodes_die "the capture to '$file' missed $dropped packets"
)
