"""What ``--generate-cli-skeleton`` prints, exactly as in AWS CLI v2."""

from __future__ import annotations


KINDS = ("input", "yaml-input", "output")

_INPUT = """\
{
    "IdentityPoolId": "",
    "IdentityId": "",
    "Logins": {
        "KeyName": ""
    },
    "PrincipalTags": {
        "KeyName": ""
    },
    "TokenDuration": 0
}
"""
# AWS CLI v2 has two spaces before the first comment, too.
_YAML_INPUT = """\
IdentityPoolId: ''  # [REQUIRED] An identity pool ID in the format REGION.
IdentityId: '' # A unique identifier in the format REGION.
Logins: # [REQUIRED] A set of optional name-value pairs that map provider names to provider tokens.
  KeyName: ''
PrincipalTags: # Use this operation to configure attribute mappings for custom providers.
  KeyName: ''
TokenDuration: 0 # The expiration time of the token, in seconds.
"""
TEMPLATES = {"input": _INPUT, "yaml-input": _YAML_INPUT}
OUTPUT = {"IdentityId": "IdentityId", "Token": "Token"}
