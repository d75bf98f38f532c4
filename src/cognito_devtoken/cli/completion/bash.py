"""The completion script of bash."""

from __future__ import annotations

from collections.abc import Sequence

from .grammar import Grammar, fill


_SCRIPT = """\
# Completion for {prog} in bash.
_{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command= option= place each
    COMPREPLY=()
    # bash splits --option=value into three words.
    [[ $word == = ]] && word=
    for ((place = 1; place < COMP_CWORD; place++)); do
        each=${{COMP_WORDS[place]}}
        [[ $each == = ]] && continue
        if [[ -n $option && $each != -?* ]]; then option=; continue; fi
        option=
        case $command,$each in
            {program},--)
                if ((place + 1 == COMP_CWORD)); then
                    COMPREPLY=($(compgen -c -- "$word"))
                elif declare -F _command_offset >/dev/null; then
                    _command_offset $((place + 1))
                fi
                return;;
            {values}) option=$each;;
            *,-*) ;;
            ,*|{service},*) command=$each;;
        esac
    done
    case $command,$option in
        *,) ;;
{choices}
        *) return;;
    esac
    case $command,$word in
{options}
{words}
    esac
}}
complete -o default -F _{function} {prog}
"""


def script(prog: str, grammar: Grammar) -> str:
    """Write the script for this program."""
    return fill(
        _SCRIPT,
        prog,
        grammar,
        choices=_reply,
        flags=lambda place: _reply(place.flags),
        words=lambda place: _reply([*place.words]),
    )


def _reply(words: Sequence[str]) -> str:
    return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$word"))'
