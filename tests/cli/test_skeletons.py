"""``--generate-cli-skeleton`` prints a template and sends no request: one would fail here."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.utils import ArgumentGenerator
from cli_arguments import ASK, NOWHERE

from cognito_devtoken.cli import main


@pytest.fixture(autouse=True)
def _endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", NOWHERE)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def template(shape: str, **options: Any) -> str:
    """What AWS CLI v2 prints: the skeleton that botocore makes of its model."""
    model = botocore.session.get_session().get_service_model("cognito-identity")
    skeleton = ArgumentGenerator(**options).generate_skeleton(model.shape_for(shape))
    return json.dumps(skeleton, indent=4) + "\n"


INPUT = template("GetOpenIdTokenForDeveloperIdentityInput")
OUTPUT = template("GetOpenIdTokenForDeveloperIdentityResponse", use_member_names=True)
# Recorded from AWS CLI 2.36.7, because botocore makes no such template.
YAML_INPUT = """\
IdentityPoolId: ''  # [REQUIRED] An identity pool ID in the format REGION.
IdentityId: '' # A unique identifier in the format REGION.
Logins: # [REQUIRED] A set of optional name-value pairs that map provider names to provider tokens.
  KeyName: ''
PrincipalTags: # Use this operation to configure attribute mappings for custom providers.
  KeyName: ''
TokenDuration: 0 # The expiration time of the token, in seconds.
"""


class TestSkeletons:
    @pytest.mark.parametrize(
        ("arguments", "wanted"),
        [
            (["get-token", "--generate-cli-skeleton"], INPUT),
            (["get-token", "--generate-cli-skeleton", "input"], INPUT),
            (["get-token", "--generate-cli-skeleton", "yaml-input"], YAML_INPUT),
            ([*ASK, "--generate-cli-skeleton", "output"], OUTPUT),
        ],
    )
    def test_a_template_is_printed_and_nothing_is_sent(
        self,
        arguments: list[str],
        wanted: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main(arguments) == 0
        assert capsys.readouterr() == (wanted, "")

    def test_the_output_template_requires_valid_parameters(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["get-token", "--generate-cli-skeleton", "output"]) == 252
        assert "the following arguments are required" in capsys.readouterr().err
        assert main([*ASK, "--token-duration", "0", "--generate-cli-skeleton", "output"]) == 252
        assert "TokenDuration must be" in capsys.readouterr().err
