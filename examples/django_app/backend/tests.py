"""The views, with a test double in place of Cognito."""

from django.conf import settings
from django.test import SimpleTestCase, override_settings

from cognito_devtoken.testing import FakeFetcher


COGNITO = {
    **settings.COGNITO_DEVTOKEN,
    "IDENTITY_POOL_ID": "us-east-1:0",
    "DEVELOPER_PROVIDER": "test",
    "OPTIONS": {"client": FakeFetcher()},
}


@override_settings(COGNITO_DEVTOKEN=COGNITO)
class CognitoTokenTest(SimpleTestCase):
    """The route that hands out tokens."""

    def test_a_user_gets_a_token(self) -> None:
        answer = self.client.post("/cognito-token", headers={"X-User": "user-42"})

        assert answer.json()["IdentityId"].startswith("us-east-1:")
