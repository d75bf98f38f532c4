"""The emulator's identity pools that the tests share."""

from cognito_devtoken.emulator import Pool


POOL = Pool("eu-central-1:01234567-89ab-4cde-8f01-23456789abcd", public_providers=["idp.example"])
OTHER_POOL = Pool("us-east-1:11111111-2222-4333-8444-555555555555", allow_unauthenticated=True)
