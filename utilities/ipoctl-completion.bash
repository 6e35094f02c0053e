# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of ipoctl's commands, words and devices, for bash.

# _ipoctl_words COMMAND VERB PREVIOUS: prints what may come next.
_ipoctl_words()
{
    local command=$1 verb=$2 previous=$3

    case $previous in
        dev) ip -o link show type ipo 2>/dev/null | sed 's/^[0-9]*: \([^:@]*\).*/\1/'; return ;;
        proto) echo native shift; return ;;
        node | local | remote | peers | --count | --interval | --timeout | --local-ip) return ;;
    esac
    case $command,$verb in
        ,) echo decode help monitor peer probe reflect stats \
               --batch --help --json --version ;;
        peer,) echo add del flush replace show ;;
        peer,add | peer,replace) echo dev local node proto remote ;;
        peer,del) echo dev node ;;
        peer,flush) echo dev ;;
        peer,show) echo dev node --json ;;
        stats,*) echo dev --json ;;
        monitor,*) echo --json ;;
        decode,?*) echo peers --json ;;
        probe,*) echo --count --interval --json --local-ip --timeout ;;
        reflect,*) echo --json --local-ip --timeout ;;
    esac
}

_ipoctl()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' verb='' i words

    case $previous in
        -b | --batch) compopt -o default 2>/dev/null; COMPREPLY=(); return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -*) ;;
            *) if [ -z "$command" ]; then
                   command=${COMP_WORDS[i]}
               elif [ -z "$verb" ]; then
                   verb=${COMP_WORDS[i]}
               fi ;;
        esac
    done
    if [ "$command" = decode ] && [ -z "$verb" ]; then
        compopt -o default 2>/dev/null
    fi
    words=$(_ipoctl_words "$command" "$verb" "$previous")
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _ipoctl ipoctl
