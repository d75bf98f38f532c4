"""The emulator starts, stops and applies its settings."""

import contextlib
import http.client
import json
import logging
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from calling import GET_TOKEN, USER, Clock, ask, boto, post, post_form, post_json, refusal
from cognito_devtoken.emulator import Behavior, Call, Emulator, Pool
from cognito_devtoken.emulator._wire import HttpRequest, received
from patience import PATIENCE
from pools import OTHER_POOL, POOL


@pytest.mark.external
class TestLife:
    def test_the_hook_receives_each_call(self) -> None:
        calls: list[Call] = []
        with Emulator(POOL, on_call=calls.append) as emulator:
            identity_id = ask(boto("cognito-identity", emulator))["IdentityId"]
            post_json(emulator, "{}", "Nonsense")

        assert calls == [
            Call(GET_TOKEN, identity_id, None),
            Call("Nonsense", None, "UnknownOperationException"),
        ]

    def test_it_listens_on_loopback_and_a_free_port(self, emulator: Emulator) -> None:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", emulator.endpoint_url)
        assert emulator.pools == (POOL, OTHER_POOL)

    def test_it_listens_on_ipv6(self) -> None:
        with Emulator(host="::1") as emulator:
            assert emulator.endpoint_url.startswith("http://[::1]:")
            assert ask(boto("cognito-identity", emulator), pool=emulator.pools[0])["Token"]

    def test_its_port_is_free_after_it_stops(self) -> None:
        with Emulator() as emulator:
            port = int(emulator.endpoint_url.rpartition(":")[2])
        with Emulator(port=port) as again:
            assert again.endpoint_url == emulator_url(port)

    def test_it_restarts_on_the_same_port(self) -> None:
        emulator = Emulator()
        with emulator:
            url = emulator.endpoint_url
        with emulator:
            assert emulator.endpoint_url == url
            assert ask(boto("cognito-identity", emulator), pool=emulator.pools[0])["Token"]

    def test_a_port_in_use_is_an_os_error(self, emulator: Emulator) -> None:
        port = int(emulator.endpoint_url.rpartition(":")[2])

        with pytest.raises(OSError, match="in use"):
            Emulator(port=port).start()

    def test_it_may_be_stopped_right_after_it_starts(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        emulator = Emulator()
        for _ in range(10):
            emulator.start().stop()

        assert not [each for each in caplog.records if each.levelno >= logging.WARNING]

    def test_it_has_no_endpoint_before_and_after_running(self) -> None:
        emulator = Emulator()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="not running"):
                emulator.endpoint_url  # noqa: B018
            emulator.start()
            url = emulator.endpoint_url
            assert emulator.start().endpoint_url == url
            emulator.stop()
            emulator.stop()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))

    def test_it_stops_while_a_response_is_delayed(self) -> None:
        emulator = Emulator(POOL, latency=60).start()
        address = emulator.endpoint_url.removeprefix("http://")
        with contextlib.closing(http.client.HTTPConnection(address, timeout=PATIENCE)) as waiting:
            waiting.request("POST", "/", "{}", {"X-Amz-Target": "AWSCognitoIdentityService.GetId"})
            # By the time this is answered, the server has read the earlier request.
            post(emulator, b"", {}, "GET", "/.well-known/jwks_uri")

            emulator.stop()

            assert json.loads(waiting.getresponse().read())["__type"] == "ValidationException"

    def test_many_threads_may_start_and_stop_it_at_once(self) -> None:
        before = threading.active_count()
        emulator = Emulator()
        with ThreadPoolExecutor(8) as pool:
            for _ in range(3):
                list(pool.map(lambda _: emulator.start(), range(8)))
                list(pool.map(lambda _: emulator.stop(), range(8)))

        assert threading.active_count() == before

    def test_a_server_that_cannot_run_raises_instead_of_hanging(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **options: object) -> None:
            raise OSError("no more files")

        monkeypatch.setattr(uvicorn.Server, "serve", fail)
        monkeypatch.setattr(threading, "excepthook", lambda _: None)

        with pytest.raises(RuntimeError, match="did not start"):
            Emulator().start()

    def test_requests_in_flight_are_answered_when_it_stops(self) -> None:
        members = json.dumps({"IdentityPoolId": POOL.identity_pool_id, "Logins": USER})
        statuses = []

        def call_until_it_is_gone(emulator: Emulator) -> None:
            with contextlib.suppress(ConnectionError, http.client.HTTPException, RuntimeError):
                while True:
                    statuses.append(post_json(emulator, members)[0])

        with Emulator(POOL) as emulator, ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(call_until_it_is_gone, emulator)
            while len(statuses) < 20:
                post(emulator, b"", {}, "GET", "/.well-known/jwks_uri")
            emulator.stop()

        assert set(statuses) == {200}

    def test_a_connection_stays_open_for_a_client_that_pauses_but_not_for_ever(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        passed = 0.0
        path = "/.well-known/jwks_uri"
        with Emulator(POOL) as emulator:
            loop = emulator._running._loop  # it closes idle connections by its own clock
            real_time = loop.time
            monkeypatch.setattr(loop, "time", lambda: real_time() + passed)

            def catch_up() -> None:
                # By the time another connection is answered, the server has dealt with this one.
                post(emulator, b"", {}, "GET", path)

            address = emulator.endpoint_url.removeprefix("http://")
            with contextlib.closing(
                http.client.HTTPConnection(address, timeout=PATIENCE)
            ) as client:
                for pause in (0, 30):
                    passed += pause
                    catch_up()
                    client.request("GET", path)
                    assert client.getresponse().read()
                    catch_up()
                passed += 61
                catch_up()

                assert client.sock.recv(1) == b""

    def test_its_threads_end_when_it_stops(self) -> None:
        before = threading.active_count()
        with Emulator() as emulator:
            post_json(emulator, "{}")
            assert threading.active_count() == before + 1

        assert threading.active_count() == before


class TestCounts:
    def test_calls_are_counted_over_http_as_on_the_object(
        self, emulator: Emulator, cognito: Any
    ) -> None:
        ask(cognito)
        ask(cognito)
        post_json(emulator, "{}", 'no"\\é')
        post_form(emulator, "Action=two%0Alines")

        status, headers, body = post(emulator, b"", {}, "GET", "/metrics")

        assert (status, headers["content-type"]) == (
            200,
            "text/plain; version=0.0.4; charset=utf-8",
        )
        (family,) = text_string_to_metric_families(body.decode())
        assert (family.name, family.type) == ("cognito_emulator_calls", "counter")
        found = {sample.labels["operation"]: sample.value for sample in family.samples}
        assert found == emulator.calls
        assert found[GET_TOKEN] == 2

    def test_its_repr_names_address_pools_and_calls(self, emulator: Emulator) -> None:
        post_json(emulator, "{}")
        assert repr(emulator) == (
            f"<Emulator {emulator.endpoint_url}, pools: {POOL.identity_pool_id}, "
            f"{OTHER_POOL.identity_pool_id}, calls: 1>"
        )

    def test_its_repr_shows_no_credentials_and_needs_no_server(self) -> None:
        emulator = Emulator(POOL, credentials={"AKIATEST": "canary-secret"})

        assert repr(emulator) == (
            f"<Emulator not running, pools: {POOL.identity_pool_id}, calls: 0>"
        )

    def test_an_emulator_that_is_refused_has_a_repr_too(self) -> None:
        emulator = Emulator.__new__(Emulator)
        with pytest.raises(ValueError, match="port"):
            Emulator.__init__(emulator, port=-1)

        assert repr(emulator) == "<Emulator not running, pools: , calls: 0>"

    def test_a_request_shows_no_secret(self) -> None:
        request = HttpRequest("GET", "canary=1", {"authorization": "canary"}, b"canary")

        assert "canary" not in f"{request} {received(request)}"


class TestRenewal:
    @pytest.mark.external
    def test_a_renewed_emulator_keeps_only_its_address_and_keys(self) -> None:
        with Emulator(POOL, latency=0.001, calls_per_second=1000) as emulator:
            url, keys = emulator.endpoint_url, key_set(emulator)
            assert post_json(emulator, pool_member(OTHER_POOL), "GetId")[0] == 400
            ask(boto("cognito-identity", emulator))
            emulator.fail_next("ResourceConflictException", times=9)

            emulator._renew(OTHER_POOL, clock=Clock())

            assert emulator.endpoint_url == url
            assert (emulator.pools, emulator.latency) == ((OTHER_POOL,), 0)
            assert emulator.calls_per_second is None
            assert not emulator.calls
            status, _, identity = post_json(emulator, pool_member(OTHER_POOL), "GetId")
            assert (status, emulator.calls) == (200, {"GetId": 1})

            emulator._renew(OTHER_POOL)

            get_credentials = json.dumps(identity), "GetCredentialsForIdentity"
            assert post_json(emulator, *get_credentials)[2]["message"].endswith("not found.")

            emulator._renew(POOL)

            assert key_set(emulator) == keys

    @pytest.mark.external
    def test_renewal_aborts_earlier_requests_without_effect(self) -> None:
        with Emulator(POOL, latency=60) as emulator:
            address = emulator.endpoint_url.removeprefix("http://")
            with contextlib.closing(
                http.client.HTTPConnection(address, timeout=PATIENCE)
            ) as waiting:
                target = {"X-Amz-Target": "AWSCognitoIdentityService.GetId"}
                waiting.request("POST", "/", "{}", target)
                post(
                    emulator, b"", {}, "GET", "/.well-known/jwks_uri"
                )  # answered after that request is read

                emulator._renew(POOL)

                assert waiting.getresponse().status == 503
            assert not emulator.calls

    def test_invalid_settings_change_nothing(self) -> None:
        emulator = Emulator(POOL)
        with pytest.raises(ValueError, match="latency must be 0 s or more"):
            emulator._renew(OTHER_POOL, latency=-1)
        with pytest.raises(ValueError, match="calls_per_second must be more than 0"):
            emulator._renew(OTHER_POOL, calls_per_second=0)

        assert (emulator.pools, emulator.latency) == ((POOL,), 0)


class TestSettings:
    def test_an_invalid_developer_provider_is_refused(self) -> None:
        with pytest.raises(ValueError, match="must be 1 to 128 letters, digits"):
            Pool(developer_provider="a b")

    def test_two_pools_with_one_id_are_refused(self) -> None:
        with pytest.raises(ValueError, match="its own identity_pool_id"):
            Emulator(Pool(), Pool(developer_provider="other"))

    def test_an_invalid_address_is_refused(self) -> None:
        with pytest.raises(ValueError, match="port must be 0 to 65535, not 65536"):
            Emulator(port=65_536)
        with pytest.raises(ValueError, match="host must not be empty"):
            Emulator(host="")

    @pytest.mark.external
    def test_throttling_can_have_status_429(self) -> None:
        behavior = Behavior(throttled_status=429)
        with Emulator(behavior=behavior, calls_per_second=1, clock=Clock()) as emulator:
            assert [post_json(emulator, "{}")[0] for _ in range(2)] == [400, 429]

    @pytest.mark.external
    def test_signatures_are_checked_by_the_given_clock(self) -> None:
        with Emulator(POOL, credentials={"AKIATEST": "test-secret"}, clock=Clock()) as emulator:
            code, message = refusal(ask, boto("cognito-identity", emulator))

        assert code == "InvalidSignatureException"
        assert message.startswith("Signature expired: ")

    def test_an_invalid_pool_id_is_refused(self) -> None:
        with pytest.raises(
            ValueError, match="must be REGION:GUID of at most 55 characters, not 'pool'"
        ):
            Pool("pool")
        with pytest.raises(ValueError, match="must be REGION:GUID of at most 55 characters"):
            Pool("a:" + "0" * 54)

    def test_a_string_instead_of_a_list_of_providers_is_refused(self) -> None:
        with pytest.raises(ValueError, match="a collection, not one string"):
            Pool(public_providers="accounts.google.com")

    @pytest.mark.parametrize(
        "setting",
        [{"amr": "x"}, {"throttled_status": 7}, {"public_login_of_another_identity": "x"}],
    )
    def test_an_unknown_behavior_is_refused(self, setting: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(setting))):
            Behavior(**setting)

    @pytest.mark.external
    def test_a_behavior_takes_effect(self) -> None:
        behavior = Behavior(unknown_developer_provider_code="InvalidParameterException")
        with Emulator(POOL, behavior=behavior) as emulator:
            code, _ = refusal(ask, boto("cognito-identity", emulator), {"x": "y"})

        assert code == "InvalidParameterException"


def key_set(emulator: Emulator) -> Any:
    return json.loads(post(emulator, b"", {}, "GET", "/.well-known/jwks_uri")[2])


def pool_member(pool: Pool) -> str:
    return json.dumps({"IdentityPoolId": pool.identity_pool_id})


def emulator_url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
