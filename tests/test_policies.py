"""
The IAM policies of the documentation are valid, and allow and deny what their page says.

``decide()`` applies the rules of IAM to the few elements that they use.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from caching import POOL_ID, PROVIDER
from cognito_devtoken import TokenSession
from cognito_devtoken._values.operations import DELETE, LOOKUP, UNLINK
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.testing import FakeFetcher
from pages import ROOT


FOLDER = ROOT / "examples" / "policies"
POLICIES = sorted(FOLDER.glob("*.json"))
PAGES = sorted((ROOT / "docs").glob("*.md"))
COGNITO = "cognito-identity.amazonaws.com"
BUCKET = "arn:aws:s3:::shop-uploads"

Context = Mapping[str, str | list[str]]

OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringLike": fnmatchcase,
    "DateLessThan": lambda value, limit: _date(value) < _date(limit),
}


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def filled(text: str, context: Context) -> str:
    """Put the values of a request in place of the policy's variables."""
    return re.sub(r"\$\{([^}]+)\}", lambda found: str(context[found[1]]), text)


def applies(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Tell whether every condition holds. A missing key fulfils none of these."""
    for operator, keys in conditions.items():
        name = operator.removeprefix("ForAnyValue:")
        for key, wanted in keys.items():
            values = _listed(context.get(key, []))
            assert name != operator or len(values) <= 1, f"{operator} is for one value"
            limits = [filled(each, context) for each in _listed(wanted)]
            if not any(OPERATORS[name](value, limit) for value in values for limit in limits):
                return False
    return True


def decide(policy: Any, action: str, resource: str, context: Context) -> str | None:
    """Return what a policy says about a request: ``Allow``, ``Deny`` or nothing."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(fnmatchcase(action, each) for each in _listed(statement["Action"]))
        and any(
            fnmatchcase(resource, filled(each, context))
            for each in _listed(statement.get("Resource", "*"))
        )
        and applies(statement.get("Condition", {}), context)
    }
    return next((effect for effect in ("Deny", "Allow") if effect in effects), None)


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def context_of(user_id: str, **more: str) -> dict[str, str | list[str]]:
    """Return what IAM knows of a request with a user's credentials: the claims of the token."""
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=FakeFetcher()) as session:
        claims = session.get_token(user_id).claims
    return {f"{COGNITO}:{name}": _plain(claims[name]) for name in ("aud", "sub", "amr")} | more


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_iam_accepts_each_policy(path: Path) -> None:
    moto = pytest.importorskip("moto.iam.policy_validation", reason="moto is not installed")
    text = path.read_text()
    is_trust = any("Principal" in each for each in json.loads(text)["Statement"])
    kind = "IAMTrustPolicyDocumentValidator" if is_trust else "IAMPolicyDocumentValidator"

    getattr(moto, kind)(text).validate()


def test_each_policy_is_on_a_page_and_pages_show_no_other() -> None:
    text = "\n".join(page.read_text() for page in PAGES)

    shown = re.findall(r"{literalinclude} \.\./examples/policies/(\S+)", text)
    assert set(shown) == {path.name for path in POLICIES}
    blocks = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert not any('"Effect"' in block for block in blocks), "a policy that no test reads"


POOL = load("trust")["Statement"][0]["Condition"]["StringEquals"][f"{COGNITO}:aud"]


@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({}, True),
        ({"aud": "us-east-1:11111111-0000-4000-8000-000000000000"}, False),
        ({"amr": ["unauthenticated"]}, False),
        ({"amr": []}, False),
    ],
)
def test_a_role_trusts_only_authenticated_identities_of_its_own_pool(
    claims: Mapping[str, Any], allowed: bool
) -> None:
    context = context_of("ana") | {f"{COGNITO}:aud": POOL}
    context |= {f"{COGNITO}:{name}": value for name, value in claims.items()}

    for action in ("sts:AssumeRoleWithWebIdentity", "sts:TagSession"):
        assert decide(load("trust"), action, "", context) == ("Allow" if allowed else None)
    assert decide(load("trust"), "sts:AssumeRole", "", context) is None


def test_a_user_reaches_only_their_own_folder() -> None:
    ana, bob = (context_of(user) for user in ("ana", "bob"))
    mine, theirs = (f"{each[f'{COGNITO}:sub']}" for each in (ana, bob))
    assert mine != theirs
    policy = load("own-folder")

    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert decide(policy, action, f"{BUCKET}/{mine}/photo.jpg", ana) == "Allow"
        for other in (f"{theirs}/photo.jpg", "photo.jpg", mine, f"{mine}x/photo.jpg"):
            assert decide(policy, action, f"{BUCKET}/{other}", ana) is None
    for prefix, decision in [(f"{mine}/", "Allow"), (f"{mine}/a", "Allow"), (f"{theirs}/", None)]:
        context = ana | {"s3:prefix": prefix}
        assert decide(policy, "s3:ListBucket", BUCKET, context) == decision
    assert decide(policy, "s3:ListBucket", BUCKET, ana) is None, "the whole bucket"


def test_a_session_policy_leaves_a_user_the_reading_of_their_own_folder() -> None:
    ana = context_of("ana")
    text = (FOLDER / "read-only.json").read_text()
    role = AssumeRole("arn:aws:iam::123456789012:role/shop", policy=text)
    assert role.policy == text
    file = f"{BUCKET}/{ana[f'{COGNITO}:sub']}/photo.jpg"

    def allowed(action: str, resource: str) -> bool:
        policies = load("own-folder"), json.loads(text)
        return all(decide(each, action, resource, ana) == "Allow" for each in policies)

    assert allowed("s3:GetObject", file)
    assert not allowed("s3:PutObject", file)
    assert not allowed("s3:GetObject", f"{BUCKET}/photo.jpg")


def test_only_older_sessions_of_one_user_end() -> None:
    policy = load("end-older-sessions")
    (statement,) = policy["Statement"]
    user = statement["Condition"]["StringEquals"][f"{COGNITO}:sub"]
    date = statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
    assert date == "2026-01-31T09:00:00Z"

    for sub, issued, decision in [
        (user, "2026-01-31T08:59:59Z", "Deny"),
        (user, date, None),
        ("us-east-1:another", "2026-01-31T08:59:59Z", None),
    ]:
        context = {f"{COGNITO}:sub": sub, "aws:TokenIssueTime": issued}
        assert decide(policy, "s3:GetObject", f"{BUCKET}/photo.jpg", context) == decision


def test_the_backend_may_only_request_tokens_of_one_pool() -> None:
    (statement,) = load("backend")["Statement"]

    assert statement["Effect"] == "Allow"
    assert statement["Action"] == "cognito-identity:GetOpenIdTokenForDeveloperIdentity"
    assert statement["Resource"].endswith(f":identitypool/{POOL}")


def test_an_administrator_may_find_and_erase_users_of_one_pool_but_request_no_tokens() -> None:
    policy = load("administration")
    (backend,) = load("backend")["Statement"]
    pool = backend["Resource"]
    other = pool.replace(POOL, "us-east-1:another")

    def allows(operation: str, resource: str) -> bool:
        return decide(policy, f"cognito-identity:{operation}", resource, {}) == "Allow"

    for operation in (LOOKUP, UNLINK):
        assert allows(operation, pool)
        assert not allows(operation, other)
    assert allows(DELETE, "*"), "IAM knows no resource for it"
    for operation in (
        "GetOpenIdTokenForDeveloperIdentity",
        "MergeDeveloperIdentities",
        "DeleteIdentityPool",
        "ListIdentities",
    ):
        assert not allows(operation, pool)
