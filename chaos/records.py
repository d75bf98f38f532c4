"""What the processes report to the conductor, one JSON object per line."""

import json
from typing import Any

import attrs


@attrs.frozen
class Token:
    """
    A token, as a caller received it.

    Attributes:
        user: The user that it names.

        serial: Its number: no two tokens have the same.

        issued: When the upstream issued it, to a microsecond, unlike its ``iat``.

        expires: Its ``exp``.
    """

    user: str
    serial: int
    issued: float
    expires: float


@attrs.frozen
class Operation:
    """
    A call of a session that has ended. All times are those of ``time.time()``.

    Attributes:
        cache: The cache, as ``PROCESS/NUMBER``.

        kind: The name of the method.

        user: The user that it is for; "" for ``clear()``.

        began: When it was called.

        ended: When it had returned.

        waited: How many seconds it took.

        timeout: The *timeout* that it was called with.

        outcome: "ok", the name of a documented error, or how the caller gave up.

        read: What the session read from its clock last, before it returned.

        token: The token that it returned, or that ``invalidate()`` was called with.
    """

    cache: str
    kind: str
    user: str
    began: float
    ended: float
    waited: float
    timeout: float | None
    outcome: str
    read: float
    token: Token | None


@attrs.frozen
class Abandoned:
    """A cache has abandoned a fetch, which it may then repeat while the first is in the air."""

    cache: str
    at: float


@attrs.frozen
class StoreSkipped:
    """A cache does not use the store for some seconds, because it failed."""

    cache: str
    at: float
    seconds: float


@attrs.frozen
class Sample:
    """
    What a process holds now.

    Attributes:
        process: Its name.

        at: When this was measured.

        threads: How many threads it has.

        own: How many of them are its own, not the library's.

        caches: How many caches are open, or were closed a short while ago.

        descriptors: How many files and sockets are open.

        memory: How many bytes are resident.

        pending: For how many seconds the caller has waited that has waited longest without a
            *timeout*.
    """

    process: str
    at: float
    threads: int
    own: int
    caches: int
    descriptors: int
    memory: int
    pending: float


@attrs.frozen
class Complaint:
    """Something that a process noticed and that must not happen."""

    process: str
    kind: str
    detail: str


@attrs.frozen
class Ready:
    """A process is about to start its callers."""

    process: str


@attrs.frozen
class Recovered:
    """
    A process has received a token for each user after the last trouble, or has given up.

    Attributes:
        process: Its name.

        took: After how many seconds.

        missing: How many users got no token.
    """

    process: str
    took: float
    missing: int


Record = Operation | Abandoned | StoreSkipped | Sample | Complaint | Ready | Recovered
_KINDS: dict[str, Any] = {
    each.__name__: each
    for each in (Operation, Abandoned, StoreSkipped, Sample, Complaint, Ready, Recovered)
}


def encode(record: Record) -> bytes:
    """Return a line for a record."""
    fields = attrs.asdict(record)
    return json.dumps({"is": type(record).__name__, **fields}).encode() + b"\n"


def decode(line: bytes) -> Record:
    """
    Return the record of a line.

    Raises:
        ValueError: If the line is not a record.
    """
    try:
        fields = json.loads(line)
        kind = _KINDS[fields.pop("is")]
        if fields.get("token"):
            fields["token"] = Token(**fields["token"])
        record: Record = kind(**fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"Not a record: {line[:200]!r}") from error
    return record


def process_of(cache: str) -> str:
    """Return the name of the process that a cache belongs to, or of the parent of its fork."""
    return cache.partition("/")[0].partition("f")[0]


def is_forked(cache: str) -> bool:
    """Tell whether a cache was inherited by a forked process."""
    return "f" in cache
