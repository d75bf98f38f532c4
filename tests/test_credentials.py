"""Credentials are checked against the token, know their lifetime, and are never displayed."""

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caching import PROVIDER, request_for
from calling import ROLE
from canary import find_leaks, shown
from cognito_devtoken._values.key import Key
from cognito_devtoken._values.trade import CredentialsRequest, Trade, check_role
from cognito_devtoken.credentials import AssumeRole, AwsCredentials
from cognito_devtoken.exceptions import InvalidRequestError, InvalidTokenResponseError
from cognito_devtoken.testing import ManualClock, make_token
from cognito_devtoken.typing import Instant


SECRET_KEY = "canary-secret-access-key"
SESSION_TOKEN = "canary-session-token"
POLICY = '{"Statement": "canary-policy"}'
CANARIES = (SECRET_KEY, SESSION_TOKEN, POLICY)
TOKEN = make_token()
# By the server's clock, which differs from the local one.
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def response(
    trade: Trade, *, lives: float = 3600, date: str | None = format_datetime(NOW), **changes: Any
) -> dict[str, Any]:
    """A response to a trade, apart from these changes to its credentials."""
    basic = isinstance(trade.role, AssumeRole)
    return {
        "SubjectFromWebIdentityToken" if basic else "IdentityId": trade.token.identity_id,
        "Credentials": {
            "AccessKeyId": "ASIACANARY",
            "SecretAccessKey" if basic else "SecretKey": SECRET_KEY,
            "SessionToken": SESSION_TOKEN,
            "Expiration": NOW + timedelta(seconds=lives),
        }
        | changes,
        "ResponseMetadata": {"HTTPHeaders": {"date": date} if date else {}},
    }


def credentials_of(
    role: Any = None, clock: ManualClock | None = None, **changes: Any
) -> AwsCredentials:
    trade, clock = Trade(TOKEN, role), clock or ManualClock()
    found = response(trade, **changes)
    return trade.credentials(found, sent=Instant.now(clock), clock=clock)


def refusal(found: Any, role: Any = None) -> str:
    with pytest.raises(InvalidTokenResponseError) as caught:
        Trade(TOKEN, role).credentials(found, sent=Instant(0.0, 0.0))
    assert find_leaks(caught.value, *CANARIES) == []
    return str(caught.value)


@pytest.mark.parametrize("role", [None, ROLE, AssumeRole(ROLE)])
def test_credentials_have_the_members_of_the_response(role: Any) -> None:
    credentials = credentials_of(role)

    assert credentials.access_key_id == "ASIACANARY"
    assert credentials.secret_access_key == SECRET_KEY
    assert credentials.session_token == SESSION_TOKEN
    assert credentials.expiration == NOW + timedelta(hours=1)
    assert credentials.expiration.tzinfo is UTC
    assert credentials.identity_id == TOKEN.identity_id


def test_conversions_use_the_names_of_those_who_take_them() -> None:
    credentials = credentials_of(
        Expiration=(NOW + timedelta(hours=1)).astimezone(timezone(timedelta(hours=2)))
    )

    assert json.loads(json.dumps(credentials.to_aws())) == {
        "Version": 1,
        "AccessKeyId": "ASIACANARY",
        "SecretAccessKey": SECRET_KEY,
        "SessionToken": SESSION_TOKEN,
        "Expiration": "2026-05-04T04:02:01Z",
    }
    assert credentials.to_js() == {
        "accessKeyId": "ASIACANARY",
        "secretAccessKey": SECRET_KEY,
        "sessionToken": SESSION_TOKEN,
        "expiration": "2026-05-04T04:02:01Z",
        "identityId": TOKEN.identity_id,
    }
    assert credentials.to_boto3() == {
        "aws_access_key_id": "ASIACANARY",
        "aws_secret_access_key": SECRET_KEY,
        "aws_session_token": SESSION_TOKEN,
    }


@given(skew=st.floats(-1e8, 1e8), fraction=st.floats(0, 1, exclude_max=True))
def test_a_wrong_local_time_does_not_change_the_lifetime(skew: float, fraction: float) -> None:
    clock = ManualClock(NOW.timestamp() + skew)

    credentials = credentials_of(clock=clock)

    # The server may have responded up to a second after its date.
    assert credentials.expires_in() == timedelta(seconds=3599)
    clock.advance(3599 - fraction)
    left = (NOW + timedelta(hours=1) - credentials.expiration).total_seconds() + fraction
    assert abs(credentials.expires_in().total_seconds() - left) < 1e-5


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_without_a_date_the_local_time_counts(date: str | None) -> None:
    credentials = credentials_of(clock=ManualClock(NOW.timestamp() + 100), date=date)

    assert credentials.expires_in() == timedelta(seconds=3500)


def test_credentials_live_no_longer_than_the_flow_allows() -> None:
    late = ManualClock(NOW.timestamp() - 86_400)

    assert credentials_of(clock=late, date=None).expires_in() == timedelta(seconds=3600)
    role = AssumeRole(ROLE, duration=900)
    assert credentials_of(role, lives=86_400).expires_in() == timedelta(seconds=900)


def test_the_time_until_the_response_counts() -> None:
    clock = ManualClock()
    sent = Instant.now(clock)
    clock.advance(5)

    credentials = Trade(TOKEN).credentials(response(Trade(TOKEN)), sent=sent, clock=clock)

    assert credentials.expires_in() == timedelta(seconds=3594)


@pytest.mark.parametrize("role", [None, AssumeRole(ROLE)])
@pytest.mark.parametrize("value", [None, "", 7, "\ud800"])
@pytest.mark.parametrize("number", range(4))
def test_a_missing_or_wrong_member_is_refused(role: Any, value: Any, number: int) -> None:
    found = response(Trade(TOKEN, role))
    name = list(found["Credentials"])[number]
    found["Credentials"][name] = value

    assert refusal(found, role) == "The credentials do not fit the token: they lack a member."


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"SecretKey": f"{SECRET_KEY}\nmore"}, "their secret access key contains a line end"),
        ({"Expiration": NOW}, "they have expired already"),
        (
            {"Expiration": datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))},
            "they lack a member",
        ),
    ],
)
def test_credentials_that_make_no_sense_are_refused(changes: Any, why: str) -> None:
    found = response(Trade(TOKEN), **changes)

    assert refusal(found) == f"The credentials do not fit the token: {why}."


@pytest.mark.parametrize(
    ("role", "name"),
    [(None, "IdentityId"), (AssumeRole(ROLE), "SubjectFromWebIdentityToken")],
)
def test_credentials_of_another_identity_are_refused(role: Any, name: str) -> None:
    found = response(Trade(TOKEN, role)) | {name: "us-east-1:0"}

    assert refusal(found, role).endswith("they are for another identity.")


def test_a_subject_that_is_no_identity_is_ignored() -> None:
    found = response(Trade(TOKEN)) | {"IdentityId": "amzn1.account.AF6RHO7KZU5XRVQJGXK6HB56KR2A"}

    credentials = Trade(TOKEN).credentials(found, sent=Instant(0.0, 0.0))

    assert credentials.identity_id == TOKEN.identity_id


@pytest.mark.parametrize("found", [{}, {"Credentials": []}, {"Credentials": "x"}])
def test_a_response_without_credentials_is_refused(found: Any) -> None:
    assert refusal(found).endswith("they lack a member.")


def test_the_enhanced_flow_sends_the_token_and_perhaps_a_role() -> None:
    members = {"IdentityId": TOKEN.identity_id, "Logins": TOKEN.to_logins()}

    assert Trade(TOKEN).to_params() == members
    assert Trade(TOKEN, ROLE).to_params() == members | {"CustomRoleArn": ROLE}
    assert Trade(TOKEN).operation == Trade(TOKEN, ROLE).operation == "GetCredentialsForIdentity"


def test_the_basic_flow_sends_the_token_and_the_members_of_the_role() -> None:
    whole = AssumeRole(
        ROLE, session_name="app", duration=900, policy=POLICY, policy_arns=[ROLE + "/policy"]
    )

    assert Trade(TOKEN, AssumeRole(ROLE)).to_params() == {
        "RoleArn": ROLE,
        "RoleSessionName": TOKEN.identity_id.partition(":")[2],
        "WebIdentityToken": TOKEN.token,
        "DurationSeconds": 3600,
    }
    assert Trade(TOKEN, whole).to_params() == {
        "RoleArn": ROLE,
        "RoleSessionName": "app",
        "WebIdentityToken": TOKEN.token,
        "DurationSeconds": 900,
        "Policy": POLICY,
        "PolicyArns": [{"arn": ROLE + "/policy"}],
    }


ROLES = [
    None,
    ROLE,
    ROLE + "2",
    AssumeRole(ROLE),
    AssumeRole(ROLE + "2"),
    AssumeRole(ROLE, session_name="app"),
    AssumeRole(ROLE, duration=900),
    AssumeRole(ROLE, policy=POLICY),
    AssumeRole(ROLE, policy=POLICY + " "),
    AssumeRole(ROLE, policy_arns=[ROLE]),
    AssumeRole(ROLE, policy_arns=[ROLE, ROLE]),
    AssumeRole(ROLE, policy=ROLE),
]


def test_each_role_and_each_request_has_a_key_of_its_own() -> None:
    requests = [
        request_for("ann"),
        request_for("bob"),
        request_for("ann", principal_tags={"a": "b"}),
        request_for("ann", token_duration=60),
    ]
    keys = [CredentialsRequest(each, role).key(PROVIDER) for each in requests for role in ROLES]

    assert len({*keys, *(Key.of(each, PROVIDER) for each in requests)}) == len(keys) + 4
    assert {key.user_id for key in keys} == {"ann", "bob"}
    again = CredentialsRequest(request_for("ann"), AssumeRole(ROLE, policy=POLICY))
    assert again.key(PROVIDER) == keys[ROLES.index(AssumeRole(ROLE, policy=POLICY))]


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("app", "role must have 20 to 2048 characters, not 3"),
        (7, "role must be an AssumeRole or the ARN of a role, not int"),
        (ROLE + "\n\x00", "role must not contain control characters"),
    ],
)
def test_what_is_not_a_role_is_refused(role: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_role(role)

    assert str(caught.value) == message


@pytest.mark.parametrize("role", [None, ROLE, AssumeRole(ROLE)])
def test_a_role_is_an_arn_or_an_assume_role(role: Any) -> None:
    check_role(role)


def test_credentials_are_shown_nowhere_and_cannot_be_pickled() -> None:
    credentials = credentials_of()

    for text in (f"{credentials} {credentials!r}", str(attrs.asdict(credentials))):
        assert not any(canary in text for canary in CANARIES)
    assert not any(canary in text for text in shown(credentials) for canary in CANARIES)
    assert not hasattr(credentials, "__dict__")
    assert copy.copy(credentials) is copy.deepcopy(credentials) is credentials
    with pytest.raises(TypeError, match="AwsCredentials holds secrets and cannot be pickled"):
        pickle.dumps(credentials)


def test_the_repr_identifies_credentials_by_their_fingerprint() -> None:
    credentials = credentials_of()

    assert repr(credentials) == (
        f"<AwsCredentials of {TOKEN.identity_id}, fingerprint {credentials.fingerprint}, "
        "expire at 2026-05-04T04:02:01Z>"
    )
    assert credentials == credentials_of()
    assert credentials.fingerprint == credentials_of().fingerprint
    assert credentials != credentials_of(SessionToken="other")
    assert credentials != TOKEN


def test_a_trade_masks_the_token_and_the_policy() -> None:
    assert dict(Trade(TOKEN, ROLE).logins) == TOKEN.to_logins()
    logins = Trade(TOKEN, AssumeRole(ROLE, policy=POLICY)).logins
    assert set(logins.values()) == {TOKEN.token, POLICY}
