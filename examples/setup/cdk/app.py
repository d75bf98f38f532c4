"""An identity pool, the role of its users, and the policies of the backend."""

import json
from pathlib import Path
from typing import Any

from aws_cdk import App, Aws, CfnOutput, Stack
from aws_cdk.aws_cognito import CfnIdentityPool, CfnIdentityPoolRoleAttachment
from aws_cdk.aws_iam import CfnRole, CfnRolePolicy


POLICIES = Path(__file__).resolve().parents[2] / "policies"

app = App()
stack = Stack(app, "Identities")


def setting(name: str, default: str | None = None) -> str:
    """Return the value that ``cdk -c name=…`` sets."""
    found: str | None = app.node.try_get_context(name) or default
    if found is None:
        raise SystemExit(f"Set {name}: cdk deploy -c {name}=…")
    return found


pool = CfnIdentityPool(
    stack,
    "Pool",
    identity_pool_name="shop",
    developer_provider_name=setting("developer_provider", "login.example.com"),
    allow_unauthenticated_identities=False,
    allow_classic_flow=False,
)


def policy(name: str) -> Any:
    """Return the policy in a file, with the names of this stack instead of the example's."""
    text = (POLICIES / f"{name}.json").read_text()
    for example, ours in (
        ("us-east-1:00000000-0000-4000-8000-000000000000", pool.ref),
        ("us-east-1:123456789012", f"{Aws.REGION}:{Aws.ACCOUNT_ID}"),
        ("shop-uploads", setting("bucket")),
        ("arn:aws:", f"arn:{Aws.PARTITION}:"),
        # The name of Cognito in policies. It is different in China and GovCloud.
        ("cognito-identity.amazonaws.com", setting("cognito", "cognito-identity.amazonaws.com")),
    ):
        text = text.replace(example, ours)
    return json.loads(text)


# The role that your users assume.
users = CfnRole(
    stack,
    "Users",
    assume_role_policy_document=policy("trust"),
    policies=[
        CfnRole.PolicyProperty(policy_name="own-folder", policy_document=policy("own-folder"))
    ],
)
CfnIdentityPoolRoleAttachment(
    stack, "Roles", identity_pool_id=pool.ref, roles={"authenticated": users.attr_arn}
)

# What your backend may do.
granted = {"Backend": "backend"}
if setting("administration", "no") == "yes":
    granted["Administration"] = "administration"
for construct_id, name in granted.items():
    CfnRolePolicy(
        stack,
        construct_id,
        policy_name=f"cognito-{name}",
        role_name=setting("backend_role"),
        policy_document=policy(name),
    )

CfnOutput(stack, "IdentityPoolId", value=pool.ref)
app.synth()
