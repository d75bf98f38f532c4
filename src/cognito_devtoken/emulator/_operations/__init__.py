"""
The registry of the operations that the emulator supports.

``OPERATIONS`` maps the name of each operation to the function that executes it, and the table in
``docs/emulator.md`` lists the same operations. Each module has the operations on one subject. An
operation is a function of the ``World``, the members of the input, and the caller. Only ``world``
uses a clock and random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from .._sigv4 import Caller
from .._wire import COGNITO, STS
from . import identities, pools, sts, tokens
from .world import World


Run: TypeAlias = Callable[[World, Mapping[str, Any], Caller], dict[str, Any]]
GET_TOKEN = "GetOpenIdTokenForDeveloperIdentity"  # noqa: S105  # a name


@attrs.frozen
class Operation:
    """
    An operation of Cognito or STS.

    Attributes:
        name: The operation's name in the API.

        run: Executes the operation.

        settings: The attributes of ``Pool``, ``Role`` and ``Behavior`` that change the operation,
            because the service's behaviour is unknown or depends on the AWS configuration.

        signed: Whether AWS requires a signature.

        service: The service that the operation belongs to.
    """

    name: str
    run: Run
    settings: tuple[str, ...] = ()
    signed: bool = True
    service: str = COGNITO


_ALL = (
    Operation(
        GET_TOKEN,
        tokens.get_token_for_developer_identity,
        (
            "unknown_developer_provider_code",
            "identity_of_another_pool_code",
            "public_login_of_another_identity",
            "amr",
        ),
    ),
    Operation(
        "GetId",
        tokens.get_id,
        ("allow_unauthenticated", "public_login_of_another_identity"),
        signed=False,
    ),
    Operation(
        "GetOpenIdToken",
        tokens.get_token,
        ("allow_classic_flow", "own_login_in_classic_flow"),
        signed=False,
    ),
    Operation(
        "GetCredentialsForIdentity",
        tokens.get_credentials,
        ("authenticated_role", "unauthenticated_role", "custom_role", "forwards_tags"),
        signed=False,
    ),
    Operation("LookupDeveloperIdentity", identities.lookup, ("identity_of_another_pool_code",)),
    Operation(
        "UnlinkDeveloperIdentity",
        identities.unlink,
        ("unknown_developer_provider_code", "unlink_mismatch_code"),
    ),
    Operation(
        "MergeDeveloperIdentities",
        identities.merge,
        ("unknown_developer_provider_code", "merge_refused_code"),
    ),
    Operation("DescribeIdentity", identities.describe),
    Operation("ListIdentities", identities.list_identities),
    Operation("DeleteIdentities", identities.delete, ("deleting_unknown_identity",)),
    Operation("DescribeIdentityPool", pools.describe),
    Operation("ListIdentityPools", pools.list_pools),
    Operation("CreateIdentityPool", pools.create),
    Operation("UpdateIdentityPool", pools.update),
    Operation("DeleteIdentityPool", pools.delete),
    Operation("GetIdentityPoolRoles", pools.get_roles),
    Operation("SetIdentityPoolRoles", pools.set_roles),
    Operation(
        "AssumeRoleWithWebIdentity",
        sts.assume_role_with_web_identity,
        ("max_session_duration", "allows_tag_session", "trailing_line_end"),
        signed=False,
        service=STS,
    ),
    Operation("GetCallerIdentity", sts.get_caller_identity, service=STS),
)
OPERATIONS: Mapping[str, Operation] = {each.name: each for each in _ALL}


def operation_named(name: str) -> str:
    """
    Return the name unchanged if the emulator has an operation of this name.

    Raises:
        ValueError: If the emulator has no such operation.
    """
    if name not in OPERATIONS:
        from difflib import get_close_matches

        close = get_close_matches(name, OPERATIONS, 1)
        likely = f"; did you mean {close[0]}?" if close else "."
        raise ValueError(f"The emulator has no operation {name}{likely}")
    return name
