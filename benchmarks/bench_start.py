"""
What a process pays before its first token: the imports, and everything up to the first response.

Whole processes take turns calling a server that costs nothing. Their CPU time counts, because a
cold start has one core at most; the wall time is reported, too. The AWS CLI is version 1, which is
also written in Python and imports botocore.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from figures import Figure
from runner import process, run, scaled, server, use_fake_credentials
from server import POOL_ID


ROUNDS = scaled(25)
ASK = (
    "get-open-id-token-for-developer-identity",
    *("--identity-pool-id", POOL_ID),
    *("--logins", "login.example.com=user-42"),
    *("--region", "us-east-1"),
)
# The commands installed next to this Python.
BIN = Path(sys.executable).parent

BARE, ATTRS, PACKAGE = "python -c pass", "import attrs", "import cognito_devtoken"
SESSION = "from cognito_devtoken import TokenSession"
BOTO, OURS = "boto3: session, client, call", "TokenSession: get_token"
AWS, COMMAND = "aws cognito-identity", "cognito-devtoken"

PROGRAMS = {
    BARE: "pass",
    ATTRS: ATTRS,
    PACKAGE: PACKAGE,
    SESSION: SESSION,
    "import boto3": "import boto3",
    BOTO: f"""
import boto3
session = boto3.Session()
client = session.client("cognito-identity", region_name="us-east-1")
client.get_open_id_token_for_developer_identity(
    IdentityPoolId={POOL_ID!r}, Logins={{"login.example.com": "user-42"}}
)
client.close()
""",
    OURS: f"""
from cognito_devtoken import TokenSession
with TokenSession({POOL_ID!r}, developer_provider="login.example.com") as session:
    session.get_token("user-42")
""",
}
COMMANDS: Mapping[str, Sequence[str]] = {
    **{name: (sys.executable, "-c", text) for name, text in PROGRAMS.items()},
    AWS: (str(BIN / "aws"), "cognito-identity", *ASK),
    COMMAND: (str(BIN / "cognito-devtoken"), *ASK),
}
# What is compared with what, and the most that the CPU time may be.
PAIRS = {
    (PACKAGE, ATTRS): 1.3,
    (SESSION, ATTRS): None,
    (OURS, BOTO): 1.0,
    (COMMAND, AWS): 1.0,
}
OF_THIS_PACKAGE = {name for name, _ in PAIRS}


def figures() -> list[Figure]:
    use_fake_credentials()
    environ = dict(os.environ)
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has bytecode
    with server() as url:
        environ["AWS_ENDPOINT_URL_COGNITO_IDENTITY"] = url
        for command in COMMANDS.values():
            process(command, environ)  # compile
        rounds = [
            {name: process(command, environ) for name, command in COMMANDS.items()}
            for _ in range(ROUNDS)
        ]
    found = []
    for (name, base), bar in PAIRS.items():
        for what, number in {"CPU": 0, "wall": 1}.items():
            values = [each[name][number] / each[base][number] for each in rounds]
            promised = bar if what == "CPU" else None
            found.append(Figure.of(f"{name} / {base}, {what}", values, bar=promised))
    for name in COMMANDS:
        cost = [(each[name][0] - each[BARE][0]) * 1000 for each in rounds]
        label, is_ours = f"{name}, CPU beyond a bare interpreter", name in OF_THIS_PACKAGE
        found.append(Figure.of(label, cost, "ms", compared=is_ours))
    return found


if __name__ == "__main__":
    run("start", figures)
