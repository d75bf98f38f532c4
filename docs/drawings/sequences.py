"""The sequence diagrams, which show the messages between the participants in order."""

from collections.abc import Sequence
from typing import NamedTuple

from drawings.canvas import LINE, NARROW, centred, lines_of, number, path, rect, svg, width_of


class Message(NamedTuple):
    """An arrow from one participant to another; a reply is dashed."""

    sender: str
    receiver: str
    words: str
    reply: bool = False


class Note(NamedTuple):
    """A note about what happens at a participant."""

    place: str
    words: str


Step = Message | Note

APP, BACKEND, COGNITO, AWS = "your app", "your backend", "Cognito", "AWS"
FLOW: list[Step] = [
    Message(APP, BACKEND, "signs in, in your own way"),
    Message(BACKEND, COGNITO, "GetOpenIdTokenForDeveloperIdentity for user-42"),
    Message(COGNITO, BACKEND, "identity id and OpenID token", reply=True),
    Note(BACKEND, "this library caches the token and refreshes it in time"),
    Message(BACKEND, APP, "identity id and token", reply=True),
    Message(APP, COGNITO, "GetCredentialsForIdentity with the token"),
    Message(COGNITO, APP, "temporary AWS credentials", reply=True),
    Message(APP, AWS, "calls, signed as this user"),
]

ANA, BEN, SESSION = "a caller", "another caller", "session"
REFRESH: list[Step] = [
    Note(SESSION, "the cached token is due"),
    Message(ANA, SESSION, "get_token()"),
    Message(SESSION, ANA, "cached token, at once", reply=True),
    Message(SESSION, COGNITO, "one call, in the background"),
    Message(BEN, SESSION, "get_token()"),
    Message(SESSION, BEN, "cached token, at once", reply=True),
    Message(COGNITO, SESSION, "new token", reply=True),
    Note(SESSION, "if the call fails: the old token is served for as long as it is valid"),
    Message(BEN, SESSION, "get_token()"),
    Message(SESSION, BEN, "new token, at once", reply=True),
]

FIRST, SECOND, STORE = "host 1", "host 2", "Redis"
FLEET: list[Step] = [
    Message(FIRST, STORE, "a token for user-42?"),
    Message(STORE, FIRST, "none; the lock is yours", reply=True),
    Message(FIRST, COGNITO, "one call"),
    Message(SECOND, STORE, "a token for user-42?"),
    Message(STORE, SECOND, "none; host 1 has the lock", reply=True),
    Message(COGNITO, FIRST, "token", reply=True),
    Message(FIRST, STORE, "sealed token"),
    Message(SECOND, STORE, "a token for user-42?"),
    Message(STORE, SECOND, "sealed token", reply=True),
    Note(SECOND, "opens the token: no call to Cognito"),
]


def flow(width: float) -> str:
    """Draw how a user of the backend gets AWS credentials."""
    return sequence((APP, BACKEND, COGNITO, AWS), FLOW, width)


def refresh(width: float) -> str:
    """Draw a refresh while callers are served."""
    return sequence((ANA, BEN, SESSION, COGNITO), REFRESH, width)


def fleet(width: float) -> str:
    """Draw two hosts that share a store."""
    return sequence((SECOND, STORE, FIRST, COGNITO), FLEET, width)


def sequence(participants: Sequence[str], steps: Sequence[Step], width: float) -> str:
    """Draw the participants side by side, and the steps from top to bottom."""
    gap = width / len(participants)
    lanes = {name: gap * (index + 0.5) for index, name in enumerate(participants)}
    head = max(len(lines_of(name, gap - 16)) for name in participants) * LINE + 14
    y = head + 8
    drawn: list[str] = []
    for step in steps:
        if isinstance(step, Note):
            drawn += _note(step, lanes[step.place], y, width)
            y += len(_note_lines(step, width)) * LINE + 28
        else:
            start, end = lanes[step.sender], lanes[step.receiver]
            words = lines_of(step.words, _label_width(start, end, width))
            drawn += _arrow(step, start, end, y + len(words) * LINE + 4)
            drawn += _label(words, (start + end) / 2, y, width)
            y += len(words) * LINE + 18
    lifelines = [path([(x, head), (x, y)], "line dashed") for x in lanes.values()]
    heads = []
    for name, x in lanes.items():
        words = lines_of(name, gap - 16)
        heads.append(rect(x - gap / 2 + 4, 1, gap - 8, head - 2, "box"))
        heads += centred(x, head / 2 - (len(words) - 1) * LINE / 2 + 4.5, words, "strong")
    # The steps in words, for readers who cannot see the drawing.
    label = "; ".join(
        f"{step.place}: {step.words}"
        if isinstance(step, Note)
        else f"{step.sender} to {step.receiver}: {step.words}"
        for step in steps
    )
    return svg(width, y + 2, label, [*lifelines, *heads, *drawn])


def _label_width(start: float, end: float, width: float) -> float:
    """Return the width available for a label, which on a phone may be wider than its arrow."""
    return width - 20 if width <= NARROW else max(abs(end - start) - 4, 176)


def _label(words: list[str], middle: float, y: float, width: float) -> list[str]:
    half = width_of(words) / 2
    x = min(max(middle, half + 4), width - half - 4)
    return centred(x, y + LINE - 4, words, "over")


def _arrow(step: Message, start: float, end: float, y: float) -> list[str]:
    ahead = 1 if end > start else -1
    tip = [(end - 9 * ahead, y - 5), (end - 1 * ahead, y), (end - 9 * ahead, y + 5)]
    corners = "L".join(f"{number(x)} {number(y)}" for x, y in tip)
    line = path([(start, y), (end - 8 * ahead, y)], "way dashed" if step.reply else "way")
    return [line, f'<path d="M{corners}z" class="tip"/>']


def _note_lines(note: Note, width: float) -> list[str]:
    return lines_of(note.words, min(width - 30, 250))


def _note(note: Note, lane: float, y: float, width: float) -> list[str]:
    words = _note_lines(note, width)
    half = width_of(words) / 2 + 12
    x = min(max(lane, half + 1), width - half - 1)
    box = rect(x - half, y + 6, 2 * half, len(words) * LINE + 10, "part")
    return [box, *centred(x, y + LINE + 6, words)]
