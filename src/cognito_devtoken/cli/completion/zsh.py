"""The completion script of zsh, which also shows what each word means."""

from __future__ import annotations

from shlex import quote

from .grammar import RUNS_PROGRAM, Grammar, Place


_SCRIPT = """\
#compdef {prog}
# Completion for {prog} in zsh.
_{function}() {{
    local word=$words[CURRENT] command= option= place each
    local -a offered kind
    for ((place = 2; place < CURRENT; place++)); do
        each=$words[place]
        if [[ -n $option && $each != -?* ]]; then option=; continue; fi
        option=
        case $command,$each in
            {program},--)
                shift $place words
                ((CURRENT -= place))
                _normal
                return;;
            {values}) option=$each;;
            *,-*) ;;
            ,*|{service},*) command=$each;;
        esac
    done
    if [[ $word == --*=* ]]; then
        option=${{word%%=*}}
        compset -P '*='
    fi
    case $command,$option in
        *,) ;;
{choices}
        *) _files; return;;
    esac
    case $command,$word in
{options}
{words}
    esac
    _describe $kind '{prog}' offered
}}
compdef _{function} {prog}
"""


def script(prog: str, grammar: Grammar) -> str:
    """Write the script for this program."""
    choices: list[str] = []
    for name, flag, option in grammar.values():
        offer = f"compadd -- {' '.join(option.choices)}"
        if option.is_value_optional:
            offer = f"[[ $word == -* ]] || {{ {offer}; return; }}"
        elif option.choices:
            offer += "; return"
        else:
            continue
        choices.append(f"        {name},{flag}) {offer};;")
    places = grammar.places.items()
    return _SCRIPT.format(
        prog=prog,
        function=prog.replace("-", "_"),
        program=RUNS_PROGRAM,
        service=grammar.service,
        values="|".join(f"{name},{flag}" for name, flag, _ in grammar.values()),
        choices="\n".join(choices),
        options="\n".join(f"        {name},-*) {_flags(each)};;" for name, each in places),
        words="\n".join(
            f"        {name},*) {_words(each) if each.words else _flags(each)};;"
            for name, each in places
        ),
    )


def _flags(place: Place) -> str:
    offered = [
        quote(f"{flag}:{_plain(option.help)}") for option in place.options for flag in option.flags
    ]
    return f"kind=-o; offered=({' '.join(offered)})"


def _words(place: Place) -> str:
    offered = [
        quote(f"{word}:{_plain(meaning)}" if meaning else word)
        for word, meaning in place.words.items()
    ]
    return f"offered=({' '.join(offered)})"


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")
