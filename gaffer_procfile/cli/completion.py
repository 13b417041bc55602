"""`gaffer completion SHELL`: the script by which a shell completes our words.

The scripts only ask: what there is to choose from, `complete` finds out, for all shells alike. A
generator such as shtab writes the parsers' words into the script; what we complete most are names of
processes, which depend on -d before them and have colons in them.
"""

from __future__ import annotations

from .parser import parser
from .streams import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """\
Print a script for your shell that completes gaffer's commands, options, and the names of
processes: of those that run, or of the Procfile's."""

EPILOG = """\
examples:
  eval "$(gaffer completion bash)"             in ~/.bashrc
  eval "$(gaffer completion zsh)"              in ~/.zshrc, after compinit
  gaffer completion fish | source              in ~/.config/fish/config.fish

exit status: 0; 2 if the command line is wrong."""

# Bash cuts words at colons and equals signs. We want them whole, and have to give back only what
# comes after the last of those.
BASH = """\
_gaffer() {
    local words word current cut
    read -ra words <<< "${COMP_LINE:0:COMP_POINT}"
    case "${COMP_LINE:0:COMP_POINT}" in
        *[[:space:]]) words+=("") ;;
    esac
    current="${words[${#words[@]}-1]}"
    COMPREPLY=()
    cut=""
    case "$current" in
        *[:=]*) cut="${current%"${current##*[:=]}"}" ;;
    esac
    while IFS= read -r word; do
        case "$word" in
            :files) compopt -o default 2> /dev/null; return ;;
            :directories) compopt -o dirnames 2> /dev/null; return ;;
            :commands)
                compopt -o default 2> /dev/null
                while IFS= read -r word; do
                    COMPREPLY+=("$word")
                done < <(compgen -c -- "$current")
                continue ;;
        esac
        word="${word%%$'\\t'*}"
        case "$word" in
            *=) compopt -o nospace 2> /dev/null ;;
        esac
        COMPREPLY+=("${word#"$cut"}")
    done < <("${words[0]}" __complete "${words[@]:1}" 2> /dev/null)
}
complete -F _gaffer gaffer
"""

ZSH = """\
#compdef gaffer
_gaffer() {
    local -a found open closed
    local line word text
    found=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2> /dev/null)}")
    for line in "${found[@]}"; do
        case "$line" in
            (:files) _files; return ;;
            (:directories) _files -/; return ;;
            (:commands) [[ "$PREFIX" == */* ]] && _files || _command_names -e; continue ;;
            ('') continue ;;
        esac
        word="${line%%$'\\t'*}"
        text="${line#*$'\\t'}"
        [[ "$line" == *$'\\t'* ]] || text=""
        if [[ "$word" == *= ]]; then
            open+=("${word//:/\\\\:}${text:+:$text}")
        else
            closed+=("${word//:/\\\\:}${text:+:$text}")
        fi
    done
    (( ${#open} )) && _describe -V gaffer open -S ''
    (( ${#closed} )) && _describe -V gaffer closed
}
if [[ "${funcstack[1]}" == _gaffer ]]; then
    _gaffer "$@"
else
    compdef _gaffer gaffer
fi
"""

FISH = """\
function __gaffer_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] __complete $words[2..-1] 2> /dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path (commandline -ct)
        case :directories
            __fish_complete_directories (commandline -ct)
        case '*'
            string match -v :commands -- $found
            if contains :commands $found
                complete -C (commandline -ct)
            end
    end
end
complete -c gaffer -f -a '(__gaffer_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def run(argv: Sequence[str]) -> int:
    made = parser("completion", (), usage="SHELL", description=DESCRIPTION, epilog=EPILOG)
    made.add_argument("shell", metavar="SHELL", choices=sorted(SCRIPTS), help="bash, fish or zsh")
    show(SCRIPTS[made.parse_args(argv).shell])
    return 0
