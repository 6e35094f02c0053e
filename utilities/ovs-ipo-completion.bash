# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of ovs-ipo's commands, options, namespaces and addresses, for bash.

_ovs_ipo_words()
{
    local command=$1 previous=$2

    case $previous in
        --bridge) ovs-vsctl --no-wait --timeout=2 list-br 2>/dev/null; return ;;
        --datapath-type) echo netdev system; return ;;
        --db | --ifname | --local-ip | --mtu | --prefix | --tenant | --timeout | -t) return ;;
    esac
    echo --db= --dry-run --help --timeout= --verbose --version
    case $command in
        '') echo allow attach deinit deny detach init node status sync ;;
        init) echo --bridge= --datapath-type= --local-ip= --prefix= ;;
        node) echo add del ;;
        attach)
            echo --ifname= --mtu= --tenant=
            ip netns list 2>/dev/null | sed 's/ .*//' ;;
        detach)
            echo --ifname= --tenant=
            # The database is this host's own: see what is attached.
            ovs-ipo --timeout=2 status 2>/dev/null \
                | sed -n 's,^    \([0-9.]*\) tenant .* in \(/run/netns/\)\{0\,1\}\([^ ]*\)\, port .*,\1 \3,p' ;;
        allow | deny) echo --delete --tenant= ;;
        status) echo --json ;;
    esac
}

_ovs_ipo()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' i words

    # bash splits "--option=value".
    if [ "$current" = = ]; then
        current=
    elif [ "$previous" = = ] && [ "$COMP_CWORD" -gt 1 ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            init | deinit | node | attach | detach | allow | deny | sync | status)
                command=${COMP_WORDS[i]}
                break ;;
        esac
    done
    words=$(_ovs_ipo_words "$command" "$previous")
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [ "${#COMPREPLY[@]}" = 1 ] && [ "${COMPREPLY[0]%=}" != "${COMPREPLY[0]}" ]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _ovs_ipo ovs-ipo
