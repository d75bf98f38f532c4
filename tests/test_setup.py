"""
The ways of setting up a pool that the documentation shows give it the policies in examples/.

The AWS CLI, Terraform and the CDK take a minute, so they run with ``nox -s setup`` only. Terraform
also needs its provider, from the registry or from a folder that
``TF_CLI_ARGS_init=-plugin-dir=…`` names.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken._values.partition import cognito_names
from cognito_devtoken.emulator import Emulator
from pages import ROOT
from patience import PATIENCE


FOLDER = ROOT / "examples" / "setup"
POLICIES = ROOT / "examples" / "policies"
WAYS = (FOLDER / "setup.sh", FOLDER / "terraform" / "main.tf", FOLDER / "cdk" / "app.py")
GRANTED = ("administration", "backend", "own-folder", "trust")
# Not the names of the example, so that one that was left shows.
REGION = "cn-north-1"
NAMES = cognito_names(REGION)
POOL_ID = f"{REGION}:11111111-2222-4333-8444-555555555555"
ACCOUNT = "210987654321"
BUCKET = "photos-of-ours"

slow = pytest.mark.skipif("SETUP" not in os.environ, reason="takes long; nox -s setup runs it")


def example(name: str) -> Any:
    return json.loads((POLICIES / f"{name}.json").read_text())


def as_example(policy: Any, pool_id: str = POOL_ID, account: str = ACCOUNT) -> Any:
    """Put the example's names back in place of those of a pool that was set up."""
    text = json.dumps(policy)
    assert not any(name in text for name in ("us-east-1", "shop-uploads", "arn:aws:")), text
    for ours, theirs in (
        (pool_id, "us-east-1:00000000-0000-4000-8000-000000000000"),
        (f"{REGION}:{account}", "us-east-1:123456789012"),
        (BUCKET, "shop-uploads"),
        (f"arn:{NAMES.partition}:", "arn:aws:"),
        (NAMES.trust_principal, "cognito-identity.amazonaws.com"),
    ):
        text = text.replace(ours, theirs)
    return json.loads(text)


@pytest.mark.parametrize("path", WAYS, ids=lambda path: path.name)
def test_each_way_takes_its_policies_from_the_files(path: Path) -> None:
    text = path.read_text()

    assert "Effect" not in text, "a policy of its own"
    assert all(name in text for name in GRANTED)


def test_the_page_has_the_name_of_cognito_in_each_partition() -> None:
    text = (ROOT / "docs" / "setup.md").read_text()

    named = dict(re.findall(r"^\| `([a-z]+-[a-z-]+-\d)` \| `(\S+)`", text, re.MULTILINE))
    assert named.keys() == {"cn-north-1", "us-gov-west-1", "us-gov-east-1"}
    assert named == {region: cognito_names(region).trust_principal for region in named}


@pytest.fixture
def endpoints(emulator: Emulator) -> Iterator[dict[str, str]]:
    """The environment of a shell whose calls of Cognito and IAM stay on this machine."""
    moto: Any = pytest.importorskip("moto.server", reason="moto is not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        **os.environ,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": emulator.endpoint_url,
        "AWS_ENDPOINT_URL_IAM": f"http://{host}:{port}",
    }
    server.stop()


@slow
@pytest.mark.external
def test_the_shell_script_sets_up_a_pool_that_gives_its_users_a_role(
    endpoints: Mapping[str, str], emulator: Emulator
) -> None:
    if not shutil.which("aws"):
        pytest.skip("needs the AWS CLI")
    url = endpoints["AWS_ENDPOINT_URL_IAM"]
    iam: Any = boto3.client("iam", region_name=REGION, endpoint_url=url)
    iam.create_role(RoleName="backend", AssumeRolePolicyDocument=json.dumps(example("trust")))

    done = subprocess.run(
        [FOLDER / "setup.sh", "backend", BUCKET, "administration"],
        env={**endpoints, "COGNITO": NAMES.trust_principal},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stderr
    pool_id = done.stdout.strip()
    role = iam.get_role(RoleName="shop-users")["Role"]
    found = {"trust": role["AssumeRolePolicyDocument"]}
    for role_name, policy_name, name in (
        ("shop-users", "own-folder", "own-folder"),
        ("backend", "cognito-tokens", "backend"),
        ("backend", "cognito-administration", "administration"),
    ):
        answer = iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)
        found[name] = answer["PolicyDocument"]
    iam.close()
    account = role["Arn"].split(":")[4]
    assert {name: as_example(each, pool_id, account) for name, each in found.items()} == {
        name: example(name) for name in GRANTED
    }
    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        token = client.fetch(TokenRequest(pool_id, {"login.example.com": "user-42"}))
        assert client.fetch_credentials(token).identity_id == token.identity_id


TERRAFORM = f"""
mock_provider "aws" {{
  override_data {{
    target = data.aws_caller_identity.this
    values = {{ account_id = "{ACCOUNT}" }}
  }}
  override_data {{
    target = data.aws_partition.this
    values = {{ partition = "{NAMES.partition}" }}
  }}
  override_resource {{
    target = aws_cognito_identity_pool.shop
    values = {{ id = "{POOL_ID}" }}
  }}
}}
variables {{
  backend_role   = "backend"
  bucket         = "{BUCKET}"
  administration = true
  cognito        = "{NAMES.trust_principal}"
}}
run "setup" {{}}
"""


@slow
@pytest.mark.external
def test_terraform_gives_the_pool_the_policies(tmp_path: Path) -> None:
    terraform = shutil.which("terraform") or pytest.skip("needs terraform")
    folder = shutil.copytree(FOLDER.parent, tmp_path / "examples") / "setup" / "terraform"
    (folder / "setup.tftest.hcl").write_text(TERRAFORM)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [terraform, *arguments],
            cwd=folder,
            env={**os.environ, "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE,
        )
        if arguments[0] == "init" and done.returncode:
            pytest.skip(f"terraform has no provider: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("init", "-no-color")
    run("validate", "-no-color")
    run("fmt", "-check", "main.tf")
    lines = map(json.loads, run("test", "-json", "-verbose").splitlines())
    (state,) = (line["test_state"] for line in lines if line["type"] == "test_state")
    made = {
        each["address"]: each["values"]
        for each in state["root_module"]["resources"]
        if each["mode"] == "managed"
    }

    pool, roles = (
        made["aws_cognito_identity_pool.shop"],
        "aws_cognito_identity_pool_roles_attachment",
    )
    assert pool["developer_provider_name"] == "login.example.com"
    assert made[f"{roles}.shop"]["roles"] == {"authenticated": made["aws_iam_role.users"]["arn"]}
    found = {
        "trust": made["aws_iam_role.users"]["assume_role_policy"],
        "own-folder": made["aws_iam_role_policy.users"]["policy"],
        "backend": made["aws_iam_role_policy.backend"]["policy"],
        "administration": made["aws_iam_role_policy.administration[0]"]["policy"],
    }
    assert {name: as_example(json.loads(each)) for name, each in found.items()} == {
        name: example(name) for name in GRANTED
    }


def resolved(value: Any) -> Any:
    """Put the names of a deployment into a template of CloudFormation."""
    if isinstance(value, list):
        return [resolved(each) for each in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": str(name)}:
            names = {"Partition": NAMES.partition, "Region": REGION, "AccountId": ACCOUNT}
            return {f"AWS::{key}": each for key, each in names.items()}.get(name, POOL_ID)
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(resolved, parts))
    return {key: resolved(each) for key, each in value.items()}


@slow
@pytest.mark.external
def test_the_cdk_gives_the_pool_the_policies(tmp_path: Path) -> None:
    context = {
        "backend_role": "backend",
        "bucket": BUCKET,
        "administration": "yes",
        "cognito": NAMES.trust_principal,
    }
    done = subprocess.run(
        [sys.executable, FOLDER / "cdk" / "app.py"],
        env={**os.environ, "CDK_OUTDIR": str(tmp_path), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "Identities.template.json").read_text())["Resources"]

    assert made["Pool"]["Properties"]["DeveloperProviderName"] == "login.example.com"
    users = made["Users"]["Properties"]
    attached = made["Roles"]["Properties"]["Roles"]
    assert attached == {"authenticated": {"Fn::GetAtt": ["Users", "Arn"]}}
    found = {
        "trust": users["AssumeRolePolicyDocument"],
        "own-folder": users["Policies"][0]["PolicyDocument"],
        "backend": made["Backend"]["Properties"]["PolicyDocument"],
        "administration": made["Administration"]["Properties"]["PolicyDocument"],
    }
    assert {name: as_example(resolved(each)) for name, each in found.items()} == {
        name: example(name) for name in GRANTED
    }
