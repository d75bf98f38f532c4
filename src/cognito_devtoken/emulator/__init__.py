"""
A local Amazon Cognito for tests and front ends: ``with Emulator() as emulator: …``.

Needs the extra ``emulator``.
"""

from ..exceptions import ConfigurationError


try:
    from ._emulator import Emulator
    from ._http import Call
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"The emulator needs {str(_error.name).partition('.')[0]}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[emulator]'",
    ) from None
from ._settings import Behavior, Pool, Role


__all__ = ["Behavior", "Call", "Emulator", "Pool", "Role"]

# repr(), help() and tracebacks then show the module from which users import these classes.
for _public in (Behavior, Call, Emulator, Pool, Role):
    _public.__module__ = __name__
