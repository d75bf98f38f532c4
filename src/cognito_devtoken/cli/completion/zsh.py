"""The completion script of zsh, which also shows what each word means."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from .grammar import Grammar, Place, fill


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
    return fill(_SCRIPT, prog, grammar, choices=_choices, flags=_flags, words=_words)


def _choices(choices: Sequence[str]) -> str:
    return f"compadd -- {' '.join(choices)}"


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
