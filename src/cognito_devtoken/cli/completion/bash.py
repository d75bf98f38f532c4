"""The completion script of bash."""

from __future__ import annotations

from collections.abc import Sequence

from .grammar import RUNS_PROGRAM, Grammar


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
    choices: list[str] = []
    for name, flag, option in grammar.values():
        reply = _reply(option.choices)
        if option.is_value_optional:
            reply = f"[[ $word == -* ]] || {{ {reply}; return; }}"
        elif option.choices:
            reply += "; return"
        else:
            continue
        choices.append(f"        {name},{flag}) {reply};;")
    places = grammar.places.items()
    return _SCRIPT.format(
        prog=prog,
        function=prog.replace("-", "_"),
        program=RUNS_PROGRAM,
        service=grammar.service,
        values="|".join(f"{name},{flag}" for name, flag, _ in grammar.values()),
        choices="\n".join(choices),
        options="\n".join(f"        {name},-*) {_reply(each.flags)};;" for name, each in places),
        words="\n".join(
            f"        {name},*) {_reply([*each.words] or each.flags)};;" for name, each in places
        ),
    )


def _reply(words: Sequence[str]) -> str:
    return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$word"))'
