# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the benchmarks of the userspace datapath share: an ovs-vswitchd with ports
# of type "bench" (port.c) on two bridges of a datapath that needs no privileges,
# br-int with the container's port c1 and the tunnel's, tun, and br-phy with the
# node's address and the wire, phy.
#
# The caller sets $prog, $builddir and $output, and calls bench_begin.
#
# shellcheck disable=SC2034,SC2154  # The caller's variables.

tunnels="ipo-compact ipo-full ipo-full-key vxlan geneve gre gre-l3 plain"

die()
{
    echo "$prog: $*" >&2
    exit 1
}

# need_value OPTION $#
need_value()
{
    test "$2" -ge 2 || { echo "$prog: $1 needs an argument" >&2; exit 2; }
}

# Makes $dir, a new folder that is removed at the end.
bench_begin()
{
    builddir=$(cd "$builddir" && pwd) || exit 1
    test -x "$builddir/tests/bench/vswitchd" ||
        die "no $builddir/tests/bench/vswitchd (run 'make bench')"
    PATH=$builddir/ovs/utilities:$builddir/ovs/ovsdb:$builddir/tests/bench:$PATH
    dir=$(mktemp -d) || exit 1
    export OVS_RUNDIR="$dir" OVS_LOGDIR="$dir" OVS_DBDIR="$dir" OVS_SYSCONFDIR="$dir"
    vswitchd=
    trap 'bench_end' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

bench_end()
{
    switch_stop
    rm -rf "$dir"
}

# sample BENCH TUNNEL PARAMS UNIT VALUE
sample()
{
    printf '%s\t%s\t%s\t%s\t%s\n' "$@" >> "$output"
}

# appctl ARG...: asks vswitchd, and leaves its answer in $dir/reply.
appctl()
{
    ovs-appctl -t vswitchd "$@" > "$dir/reply" ||
        die "$* failed; the end of vswitchd.log: $(tail -n 3 "$dir/vswitchd.log")"
}

# wait_until CMD...: until it succeeds, for a minute at most.
wait_until()
{
    n=0
    while ! "$@" > /dev/null 2>&1; do
        n=$((n + 1))
        test $n -lt 600 || die "waited too long for '$*'"
        sleep 0.1
    done
}

# switch_start [WRAPPER...]: starts ovsdb-server, and vswitchd under WRAPPER.
switch_start()
{
    rm -f "$dir"/conf.db*
    { ovsdb-tool create "$dir/conf.db" "$builddir/ovs/vswitchd/vswitch.ovsschema" &&
      ovsdb-server --detach --no-chdir --pidfile --log-file="$dir/ovsdb-server.log" \
          --remote="punix:$dir/db.sock" "$dir/conf.db" 2> "$dir/err" &&
      ovs-vsctl --no-wait init
    } || die "ovsdb-server does not start: $(cat "$dir/err")"
    "$@" vswitchd --enable-dummy --disable-system --pidfile \
        --log-file="$dir/vswitchd.log" "unix:$dir/db.sock" > "$dir/out" 2>&1 &
    vswitchd=$!
    wait_until ovs-appctl -t vswitchd version
    bridges || die "no bridges; see: $(tail -n 3 "$dir/vswitchd.log")"
}

switch_stop()
{
    if test -n "$vswitchd"; then
        kill "$vswitchd" 2>/dev/null
        wait "$vswitchd" 2>/dev/null
        vswitchd=
    fi
    if test -s "$dir/ovsdb-server.pid"; then
        kill "$(cat "$dir/ovsdb-server.pid")" 2>/dev/null
        rm -f "$dir/ovsdb-server.pid"
    fi
}

# All packets into the exact-match cache: chance would be measured otherwise.
bridges()
{
    ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=1 \
        other_config:emc-insert-inv-prob=1 -- \
        add-br br-int -- set bridge br-int datapath_type=dummy fail-mode=secure -- \
        add-br br-phy -- set bridge br-phy datapath_type=dummy fail-mode=secure \
        other_config:hwaddr=02:00:00:00:00:01 -- \
        add-port br-int c1 -- set interface c1 type=bench ofport_request=1 -- \
        add-port br-phy phy -- set interface phy type=bench ofport_request=1 -- \
        add-port br-int pint -- set interface pint type=patch options:peer=pphy \
        ofport_request=2 -- \
        add-port br-phy pphy -- set interface pphy type=patch options:peer=pint \
        ofport_request=2 &&
        ovs-appctl -t vswitchd netdev-dummy/ip4addr br-phy 10.0.0.1/24 &&
        ovs-appctl -t vswitchd ovs/route/add 10.0.0.0/24 br-phy &&
        ovs-appctl -t vswitchd tnl/neigh/set br-phy 10.0.0.2 02:00:00:00:00:02 &&
        printf '%s\n' in_port=LOCAL,actions=1 in_port=2,actions=1 \
            priority=1,in_port=1,actions=2 \
            priority=2,in_port=1,ip,nw_dst=10.0.0.1,actions=LOCAL |
        ovs-ofctl add-flows br-phy -
} > /dev/null

# Prints the columns of the interface of tunnel $1.
tunnel_options()
{
    remote="options:remote_ip=10.0.0.2"
    prefixes="options:ipo_local_prefix=192.168.1.0/24
              options:ipo_remote_prefix=192.168.2.0/24"
    case $1 in
        ipo-compact) echo type=ipo "$remote" "$prefixes" ;;
        ipo-full) echo type=ipo "$remote" options:ipo_format=full ;;
        ipo-full-key) echo type=ipo "$remote" options:ipo_format=full options:key=7 ;;
        vxlan | geneve) echo type="$1" "$remote" options:key=7 ;;
        gre) echo type=gre "$remote" ;;
        gre-l3) echo type=gre "$remote" options:packet_type=legacy_l3 ;;
        *) die "unknown tunnel '$1'" ;;
    esac
}

# tunnel_use NAME [OPTION...]: makes NAME the way from and to the container.
tunnel_use()
{
    tunnel=$1
    shift
    # What comes without an Ethernet header gets one for the container.
    to_c1="mod_dl_src:02:00:00:00:00:fe,mod_dl_dst:02:00:00:00:01:03,output:1"
    way=10
    ovs-vsctl --if-exists del-port br-int tun
    case $tunnel in
        plain) way=2 to_c1=output:1 ;;
        vxlan | geneve | gre) to_c1=output:1 ;;
    esac
    if test "$tunnel" != plain; then
        # shellcheck disable=SC2046
        ovs-vsctl add-port br-int tun -- set interface tun ofport_request=10 \
            $(tunnel_options "$tunnel") "$@" || exit 1
    fi
    printf '%s\n' "in_port=1,actions=output:$way" "in_port=$way,actions=$to_c1" |
        ovs-ofctl replace-flows br-int - || exit 1
    # Nobody shall find the flows of another tunnel.
    appctl revalidator/purge
}

# fill FLOWS SIZE: what the container and the wire receive, for this tunnel.
fill()
{
    appctl bench/fill c1 "$1" "$2"
    appctl bench/record phy "$1"
    run_port c1 "$1" 32
    appctl bench/turn phy phy
    appctl bench/record phy 0
}

# run_port PORT COUNT BATCH [NAME]: sets $ns.
run_port()
{
    appctl bench/run "$@"
    read -r sent ns < "$dir/reply"
    test "$sent" = "$2" ||
        die "$tunnel: $sent of $2 packets were sent: $(ovs-appctl -t vswitchd \
            dpctl/dump-flows)"
}

# profile NAME: prints the instructions for a packet in callgrind's profile NAME
# of the files $dir/callgrind.*, and removes that file.
profile()
{
    for file in "$dir"/callgrind.*; do
        if grep -qF "Client Request: $1 " "$file"; then
            awk '/^desc: Trigger/ { packets = $NF }
                 /^totals:/ { printf "%.2f\n", $2 / packets }' "$file"
            rm "$file"
            return
        fi
    done
    die "no profile '$1'"
}

callgrind="valgrind -q --tool=callgrind --collect-atstart=no --fair-sched=yes"
