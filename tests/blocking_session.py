"""One blocking interface to both kinds of session, so that one suite tests both."""

from collections.abc import Callable
from typing import Any


class BlockingSession:
    """A session of either kind, whose methods block."""

    def __init__(self, session: Any, run: Callable[[Any], Any] | None) -> None:
        self.session = session
        self._run = run

    def __getattr__(self, name: str) -> Any:
        if name == "close" and self._run:
            name = "aclose"
        method = getattr(self.session, name)
        if self._run is None or name in ("stats", "health"):
            return method
        run = self._run
        return lambda *args, **options: run(method(*args, **options))

    def __enter__(self) -> Any:
        if self._run:
            return self._run(self.session.__aenter__())
        return self.session.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._run:
            self._run(self.session.__aexit__(*error))
        else:
            self.session.__exit__(*error)
