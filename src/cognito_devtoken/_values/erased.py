"""The result of erasing a user: what was deleted."""

from collections.abc import Iterable

import attrs

from .secret import NeverPickled, Secret


def _secrets(user_ids: Iterable[str | Secret]) -> tuple[Secret, ...]:
    secrets = (each if isinstance(each, Secret) else Secret(each) for each in user_ids)
    return tuple(dict.fromkeys(secrets))


@attrs.frozen
class ErasedUser(NeverPickled):
    """
    The result of erasing a user: the deleted identities, and the unlinked user ids.

    Its repr does not show the user ids, and it cannot be pickled.

    Attributes:
        identity_ids: The ids of the deleted Cognito identities, ``REGION:GUID``. Usually there is
            one id, or none if the user had no identity. There are several if the user got a new
            identity in the meantime.
    """

    identity_ids: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])
    _user_ids: tuple[Secret, ...] = attrs.field(default=(), converter=_secrets)

    @property
    def user_ids(self) -> tuple[str, ...]:
        """Your own user ids that were linked to these identities, including the erased user's."""
        return tuple(user_id.reveal() for user_id in self._user_ids)


# repr(), help() and tracebacks then show the module from which users import this class.
ErasedUser.__module__ = "cognito_devtoken"
