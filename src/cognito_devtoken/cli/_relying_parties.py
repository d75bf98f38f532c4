"""Write the configuration with which a relying party accepts the tokens of one user."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .._values.partition import CognitoNames, cognito_names
from .._values.request import ID_PATTERN, MAX_ID
from ._errors import ParameterError
from ._input.parsing import one_of


# Cognito signs all tokens with this algorithm.
_ALGORITHM = "RS512"
_REFUSES = (
    "Google Cloud does not accept Cognito's tokens: its Security Token Service takes only tokens "
    f"that are signed with RS256 or ES256, and Cognito signs with {_ALGORITHM}."
)
_INSTEAD = (
    "For a workload on AWS, use sts:GetWebIdentityToken, which signs with RS256, or Google's "
    "workload identity federation with AWS."
)


@attrs.frozen
class _Subject:
    """
    The user whose tokens to accept. No value needs quotes in a shell, in YAML or in CEL.

    Attributes:
        identity_id: The ``sub`` claim of the tokens.

        pool_id: The ``aud`` claim of the tokens.

        cognito: Contains the ``iss`` claim of the tokens, and the URL of the public keys.
    """

    identity_id: str
    pool_id: str
    cognito: CognitoNames

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> _Subject:
        """Read the claims of a token, and refuse claims that Cognito does not write."""
        pool_id, identity_id = (_id(claims, name) for name in ("aud", "sub"))
        cognito = cognito_names(pool_id.partition(":")[0])
        if claims.get("iss") != cognito.issuer:
            raise _not_cognitos(f"its iss is not {cognito.issuer}")
        return cls(identity_id, pool_id, cognito)

    @property
    def name(self) -> str:
        """A name for the configuration: letters, digits, hyphens and underscores."""
        return f"cognito-{self.identity_id.replace(':', '-')}"


def _id(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not (isinstance(value, str) and len(value) <= MAX_ID and ID_PATTERN.fullmatch(value)):
        what = {"aud": "an identity pool", "sub": "an identity"}[name]
        raise _not_cognitos(f"its {name} is not the id of {what}, REGION:GUID")
    return value


def _not_cognitos(why: str) -> ParameterError:
    return ParameterError(
        f"This token is not from a Cognito identity pool: {why}.",
        "Pass a token that get-token returned. An emulator must not have an --issuer of its own.",
    )


def _entra(subject: _Subject) -> str:
    """Return JSON for Microsoft Graph or ``az ad app federated-credential create``."""
    return json.dumps(
        {
            "name": subject.name,
            "issuer": subject.cognito.issuer,
            "subject": subject.identity_id,
            "audiences": [subject.pool_id],
        },
        indent=2,
    )


def _vault(subject: _Subject) -> str:
    return f"""\
vault write auth/jwt/config \\
    jwks_url={subject.cognito.keys_url} \\
    bound_issuer={subject.cognito.issuer} \\
    jwt_supported_algs={_ALGORITHM}
vault write auth/jwt/role/{subject.name} \\
    role_type=jwt \\
    user_claim=sub \\
    bound_audiences={subject.pool_id} \\
    bound_subject={subject.identity_id}"""


def _kubernetes(subject: _Subject) -> str:
    """Return YAML for ``kube-apiserver --authentication-config``."""
    return f"""\
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: {subject.cognito.issuer}
    audiences:
    - {subject.pool_id}
  claimValidationRules:
  - expression: claims.aud == "{subject.pool_id}"
    message: the token is for another identity pool
  - expression: claims.sub == "{subject.identity_id}"
    message: the token is for another identity
  claimMappings:
    username:
      claim: sub
      prefix: "cognito:\""""


_CONFIGURATIONS: dict[str, Callable[[_Subject], str]] = {
    "entra": _entra,
    "vault": _vault,
    "kubernetes": _kubernetes,
}
RELYING_PARTIES = tuple(_CONFIGURATIONS)
_known = one_of(*RELYING_PARTIES)


def relying_party(text: str) -> str:
    """
    Return the name of a known relying party. This is a type for argparse.

    Raises:
        ParameterError: If the relying party does not accept Cognito's tokens.

        ArgumentTypeError: If the relying party is unknown.
    """
    if text == "google":
        raise ParameterError(_REFUSES, _INSTEAD)
    return _known(text)


def configuration(name: str, claims: Mapping[str, Any]) -> str:
    """
    Return the configuration in the format of the relying party.

    Args:
        name: One of RELYING_PARTIES.

        claims: The claims of one of the user's tokens.

    Raises:
        ParameterError: If the claims are not those of a token from Cognito.
    """
    return _CONFIGURATIONS[name](_Subject.of(claims))
