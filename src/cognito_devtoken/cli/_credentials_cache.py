"""
Keep credentials in a file between runs, for ``credentials --cache``.

Law of this module: it writes credentials only where no other user can read them, and reads them
only where no other user can have written them.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from .._cache.policy import RefreshPolicy
from .._runtime.clock import monotonic
from .._values.key import digest_of
from .._values.secret import NeverPickled
from .._values.trade import CredentialsRequest
from ..exceptions import ServiceError, TokenUnavailableError
from ._errors import PROG, OutputError, ParameterError
from ._input.options import Options
from ._output.debug_log import LOG
from ._output.file import deliver


Document = Mapping[str, Any]

# Part of each file's name, so that no release reads a file that another release has written in a
# different format.
_FORMAT = "1"
_MEMBERS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
_LARGEST = 1 << 16
_POLICY = RefreshPolicy()
# The environment variables that, with the arguments, decide which credentials a run gets, or
# whether it may get them. Every release of botocore may read others, so a list would be incomplete.
_PREFIXES_OF_VARIABLES = ("AWS_", "BOTO")
_HOME = "HOME"  # where the AWS config files are
# The variables that hold a secret. The name of a file contains none, not even as a digest. The id
# of an access key, which is not secret, tells one key from another.
_SECRETS = re.compile("SECRET|_TOKEN$|BEARER_TOKEN")
# How many seconds a process waits for another process that is getting the same credentials. A call
# to a session has the same time-out.
_LONGEST_WAIT = 30.0
_PAUSE = 0.05
_ELSEWHERE = "Set XDG_CACHE_HOME to a folder that you can write to, or leave out --cache."


def cache_folder() -> Path:
    """
    Return the folder of the files, according to the XDG Base Directory Specification.

    Raises:
        OutputError: If there is no home folder.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        # The specification says that a relative path must be ignored.
        return (given if given.is_absolute() else Path.home() / ".cache") / PROG
    except RuntimeError:
        raise OutputError("There is no home folder to cache credentials in.", _ELSEWHERE) from None


def cache_name(request: CredentialsRequest, options: Options) -> str:
    """Return a digest of everything that decides which credentials a run gets, if any."""
    texts = [_FORMAT, request.key(None).rest.hex(), _aws_configuration()]
    texts += (options.profile or "", options.region or "", options.endpoint_url or "")
    for name, value in sorted(os.environ.items()):
        decides = name == _HOME or name.startswith(_PREFIXES_OF_VARIABLES)
        if decides and not _SECRETS.search(name):
            texts += (name, value)
    return digest_of(map(ascii, texts)).hex()  # a variable may contain bytes that are not Unicode


def _aws_configuration() -> str:
    """Return the contents of the AWS config file, where a profile may set an endpoint or a role."""
    path = os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    try:
        return Path(os.path.expandvars(Path(path).expanduser())).read_bytes().decode("latin-1")
    except (OSError, RuntimeError, ValueError):
        return ""


@attrs.frozen
class _Kept(NeverPickled):
    """Credentials from a file, and how many seconds are left by this machine's clock."""

    document: Document = attrs.field(repr=False)
    remaining: float


class CredentialsCache:
    """
    The file that keeps the credentials of one request.

    Args:
        folder: The folder of the file. If it does not exist, it is made with mode 0700.

        name: The name of the file, without its suffix.

        longest_life: How many seconds the credentials live at most.

        wall: Returns the present time, in seconds since the epoch.

        pause: Sleeps for some seconds.

        longest_wait: How many seconds to wait for another process.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        longest_life: float,
        *,
        wall: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        longest_wait: float = _LONGEST_WAIT,
    ) -> None:
        self._folder = folder
        self._path = folder / f"{name}.json"
        self._lock = folder / f"{name}.lock"
        self._life = longest_life
        self._wall = wall
        self._pause = pause
        self._longest_wait = longest_wait

    def get(self, fetch: Callable[[], Document]) -> Document:
        """
        Return the credentials, in the format of a ``credential_process``.

        The cached credentials are returned until they are in their refresh window. In the window,
        one process gets new credentials, while the other processes return the cached credentials.
        In the grace period, the other processes wait for the new credentials. If no new credentials
        are available, the cached credentials are returned until they expire.

        Raises:
            ParameterError: If this system has no POSIX permissions.

            OutputError: If the folder cannot be used, or if other users have access to the folder
                or to the file.

        This method also raises the errors that *fetch* raises.
        """
        self._prepare()
        if (kept := self._read()) and self._is_fresh(kept):
            LOG.debug("Credentials from %s, valid for %d s", self._path, kept.remaining)
            return kept.document
        may_wait = kept is not None and kept.remaining > _POLICY.grace_period(self._life)
        with self._locked(0 if may_wait else self._longest_wait) as is_locked:
            # Another process may have written the file in the meantime.
            kept = self._read()
            if kept and (self._is_fresh(kept) or (may_wait and not is_locked)):
                return kept.document
            try:
                document = fetch()
            except (ServiceError, TokenUnavailableError) as error:
                # Read the file again, because the credentials may have expired during the attempt.
                if not getattr(error, "retryable", True) or (kept := self._read()) is None:
                    raise
                LOG.debug("Using the cached credentials, because no new ones are available")
                return kept.document
            deliver(json.dumps(document), str(self._path))
        return document

    def _is_fresh(self, kept: _Kept) -> bool:
        # boto runs a credential_process at every request in the last 15 minutes of the credentials.
        # Credentials that live for an hour are refreshed before that.
        return kept.remaining > _POLICY.refresh_window(self._life)

    def _prepare(self) -> None:
        if find_spec("fcntl") is None:
            raise ParameterError(
                "--cache is not available on this system, which has no POSIX permissions and locks."
            )
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            pass  # it is not a folder: see below
        except OSError as error:
            raise _unusable(self._folder, error) from None
        _check_private(self._folder, stat.S_ISDIR, "is not a folder")

    def _read(self) -> _Kept | None:
        """Return the credentials in the file; None if there are none, or if they have expired."""
        try:
            _check_private(self._path, stat.S_ISREG, "is not a regular file")
            with self._path.open("rb") as file:
                document, expiration = _parsed(file.read(_LARGEST))
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError, RecursionError):  # not a file of ours
            return None
        except OSError as error:
            raise _unusable(self._path, error) from None
        remaining = expiration.timestamp() - self._wall()
        # If more than a whole lifetime remains, the clock has been set back.
        is_plausible = remaining <= self._life + _POLICY.grace.total_seconds()
        return _Kept(document, remaining) if remaining > 0 and is_plausible else None

    @contextmanager
    def _locked(self, longest_wait: float) -> Generator[bool]:
        """
        Take the lock that keeps other processes from getting the same credentials.

        It yields False if another process still holds the lock after *longest_wait* seconds.
        """
        deadline = monotonic() + longest_wait
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unusable(self._lock, error) from None
        is_locked = True
        try:
            # If the file system has no locks, each process gets its own credentials. That is safe,
            # because a file is always replaced as a whole.
            with suppress(OSError):
                while not (is_locked := _take(descriptor)) and monotonic() < deadline:
                    self._pause(_PAUSE)
            yield is_locked
        finally:
            os.close(descriptor)  # this releases the lock


def _take(descriptor: int) -> bool:
    """Try to take the lock of a file. Return False if another process holds it."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _check_private(path: Path, is_kind: Callable[[int], bool], other_kind: str) -> None:
    """
    Refuse a file or folder that other users can access, or may have made.

    Raises:
        OutputError: If it is not of the expected kind, belongs to another user, or is accessible to
            other users.
    """
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        why = "is a symbolic link"
    elif not is_kind(status.st_mode):
        why = other_kind
    elif status.st_uid != os.geteuid():
        why = "belongs to another user"
    elif status.st_mode & 0o077:
        why = f"can be accessed by other users (mode {stat.S_IMODE(status.st_mode):04o})"
    else:
        return
    raise OutputError(
        f"Cannot cache credentials: {path} {why}.",
        f"Remove it if nothing else needs it. {_ELSEWHERE}",
    )


def _parsed(text: bytes) -> tuple[Document, datetime]:
    """
    Return the document in a file, and the time at which its credentials expire.

    Raises:
        KeyError, TypeError, ValueError, RecursionError: If the text is not such a document.
    """
    found: Any = json.loads(text)
    members = {name: found[name] for name in _MEMBERS}
    expiration = datetime.fromisoformat(found["Expiration"])
    is_text = all(isinstance(text, str) and text for text in members.values())
    if found["Version"] != 1 or not is_text or expiration.tzinfo is None:
        raise ValueError("unknown contents")
    return {"Version": 1, **members}, expiration


def _unusable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"Cannot cache credentials: {path}: {error.strerror}.", _ELSEWHERE)
