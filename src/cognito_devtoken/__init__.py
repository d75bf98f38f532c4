"""
Amazon Cognito identities and OpenID tokens for users your backend authenticates itself.

Importing this package loads almost nothing. The first use of a public name loads the modules that
define the name.
"""

from typing import TYPE_CHECKING

from ._version import __version__


if TYPE_CHECKING:
    from . import exceptions
    from ._aws.client import DevTokenClient
    from ._cache.health import Health
    from ._cache.policy import RefreshPolicy
    from ._cache.stats import Stats
    from ._session.asynchronous import AsyncTokenSession
    from ._session.cache import TokenCache
    from ._session.sessions import TokenSession
    from ._values.erased import ErasedUser
    from ._values.request import TokenRequest
    from ._values.token import OpenIdToken


__all__ = [
    "AsyncTokenSession",
    "DevTokenClient",
    "ErasedUser",
    "Health",
    "OpenIdToken",
    "RefreshPolicy",
    "Stats",
    "TokenCache",
    "TokenRequest",
    "TokenSession",
    "__version__",
    "exceptions",
]

_MODULES = {
    "AsyncTokenSession": "_session.asynchronous",
    "DevTokenClient": "_aws.client",
    "ErasedUser": "_values.erased",
    "Health": "_cache.health",
    "OpenIdToken": "_values.token",
    "RefreshPolicy": "_cache.policy",
    "Stats": "_cache.stats",
    "TokenCache": "_session.cache",
    "TokenRequest": "_values.request",
    "TokenSession": "_session.sessions",
}
# Modules of this package that `import cognito_devtoken` makes available, too.
_SUBMODULES = ("events", "exceptions", "typing")

# Type checkers must not see this function: they would accept every name.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        """Return a public name, and load the module that defines it (PEP 562)."""
        from importlib import import_module

        if name in _SUBMODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = found  # from now on, this function is not called for it
        return found


def __dir__() -> list[str]:
    """List the public names even before they are loaded."""
    return sorted({*globals(), *__all__})
