"""The changes that the capacity planner offers, and their order."""

from typing import Any

from cognito_devtoken.cli.plan.capacity import Plan, load
from cognito_devtoken.cli.plan.changes import cheapest


class TestChanges:
    @staticmethod
    def options(**members: Any) -> list[str]:
        return [change.options for change in cheapest(Plan(**members))]

    def test_the_shortest_duration_that_is_enough_is_offered(self) -> None:
        assert self.options(users=30_000)[0] == "--token-duration 3600"
        assert self.options(users=100_000)[0] == "--token-duration 14400"
        assert self.options(users=1_000_000)[0] == "--token-duration 86400"

    def test_settings_come_before_the_load_balancer_a_store_and_a_request_to_aws(self) -> None:
        assert self.options(users=10_000, hosts=20) == [
            "--token-duration 14400",
            "--sticky-users",
            "--shared-store",
        ]
        assert self.options(users=10_000, hosts=20, token_seconds=86_400) == [
            "--sticky-users",
            "--shared-store",
            "--quota 100",
        ]

    def test_what_is_not_enough_comes_last(self) -> None:
        found = cheapest(Plan(users=5_000_000, hosts=10))

        assert [(change.options, change.is_enough) for change in found] == [
            ("--quota 113640", True),
            ("--token-duration 86400", False),
            ("--sticky-users", False),
        ]

    def test_what_does_not_help_is_not_offered(self) -> None:
        assert self.options(users=10, hosts=1, token_seconds=86_400) == ["--quota 100"]

    def test_longer_credentials_are_offered_in_the_basic_flow_only(self) -> None:
        basic = self.options(users=100_000, credentials="basic", token_seconds=86_400)
        enhanced = self.options(users=100_000, credentials="enhanced", token_seconds=86_400)

        assert not any("--duration-seconds" in each for each in enhanced)
        assert not any("--duration-seconds" in each for each in basic), "tokens set the limit"
        assert "--duration-seconds 14400" in self.options(
            users=100_000,
            credentials="basic",
            token_seconds=86_400,
            credentials_quota_per_second=20,
        )

    def test_no_credentials_are_offered_that_live_longer_than_aws_allows(self) -> None:
        over = {"users": 1_000_000, "credentials": "basic", "credentials_quota_per_second": 20}
        longest = {"token_seconds": 86_400, "credentials_seconds": 43_200}

        assert self.options(**over, **longest) == ["--credentials-quota 40"]

    def test_a_deployment_that_is_too_fast_may_take_longer(self) -> None:
        found = cheapest(Plan(users=10_000, hosts=1, cold_seconds=10))

        assert (found[0].options, found[0].is_enough) == ("--cold-within 200", True)

    def test_all_quotas_that_are_exceeded_are_raised_together(self) -> None:
        found = self.options(users=1_000_000, hosts=1, credentials="enhanced", token_seconds=900)

        assert "--quota 570 --credentials-quota 570" in found

    def test_quotas_that_are_equally_full_are_doubled_together(self) -> None:
        longest = {"credentials": "enhanced", "token_seconds": 86_400}

        assert self.options(users=10, **longest, quota_per_second=1)[-1] == "--quota 10"
        assert self.options(users=10, credentials="enhanced", quota_per_second=200)[-1] == (
            "--quota 400 --credentials-quota 400"
        )

    def test_a_change_that_is_just_enough_is_offered(self) -> None:
        plan = Plan(users=22_050, token_seconds=900)

        assert 1 < load(plan) < 1.01
        assert "--quota 60" in [change.options for change in cheapest(plan)]
