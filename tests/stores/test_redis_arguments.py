"""A store refuses invalid arguments and long timeouts, and shows no password."""

from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from canary import find_leaks
from cognito_devtoken.exceptions import (
    ConfigurationError,
)
from cognito_devtoken.stores import PlainText, StoreKeys
from cognito_devtoken.stores.redis import BOUNDED, RedisStore
from redis_stores import StoreOpener
from scripts import run_script


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"socket_timeout": 5}, "socket_timeout of at most 1 s, not 5"),
        ({"socket_timeout": None}, "socket_timeout of at most 1 s, not None"),
        ({"socket_connect_timeout": 3}, "socket_connect_timeout of at most 1 s, not 3"),
        ({"decode_responses": True}, "must not have decode_responses"),
    ],
)
def test_a_client_with_long_timeouts_or_decoded_responses_is_refused(
    open_store: StoreOpener, arguments: dict[str, Any], message: str
) -> None:
    with redis.Redis(**{**BOUNDED, **arguments}) as client:
        with pytest.raises(ConfigurationError, match=message):
            open_store(client=client)


@pytest.mark.skipif(
    not hasattr(Retry, "get_retries"), reason="redis before 6 does not expose its number of retries"
)
def test_a_client_that_retries_on_its_own_is_refused(open_store: StoreOpener) -> None:
    retrying = {**BOUNDED, "retry": Retry(NoBackoff(), 3)}
    message = "must not retry, because callers wait for it; it retries up to 3 times"
    with redis.Redis(**retrying) as client, pytest.raises(ConfigurationError, match=message):
        open_store(client=client)

    make: Any = Sentinel
    sentinel = make([("127.0.0.1", 1)], sentinel_kwargs=retrying, **BOUNDED)
    with pytest.raises(ConfigurationError, match=f"Sentinel of the client of .* {message}"):
        open_store(client=sentinel.master_for("mymaster", **BOUNDED))


def test_the_error_for_a_refused_client_shows_no_password(open_store: StoreOpener) -> None:
    with redis.Redis(password="canary-password", socket_timeout=5) as client:
        with pytest.raises(ConfigurationError, match="socket_timeout") as caught:
            open_store(client=client)

    assert find_leaks(caught.value, "canary-password") == []


@pytest.mark.parametrize(
    ("client", "kind"),
    [
        ("redis://user:canary-password@host/0", "str"),
        (redis.asyncio.Redis(password="canary-password", **BOUNDED), "redis.asyncio.client.Redis"),
    ],
)
def test_an_object_that_is_not_a_client_is_refused_without_being_shown(
    open_store: StoreOpener, client: Any, kind: str
) -> None:
    message = f"client must be a redis.Redis or a redis.cluster.RedisCluster, not {kind}."
    with pytest.raises(TypeError) as caught:
        open_store(client=client)

    assert str(caught.value) == message
    assert find_leaks(caught.value, "canary-password") == []


@pytest.mark.parametrize(
    "url",
    ["", "http://host/0", "user:canary-password@host", "redis://user:canary-password@host:port/0"],
)
def test_an_invalid_url_is_refused_without_being_shown(keys: str, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(url, keys=keys)

    assert find_leaks(caught.value, "canary-password") == []


ENCODE, REMOVE, PORT = "Percent-encode", "Remove decode_responses", "Write the port"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("rediss://:canary/def+gh=@cache.example.com:6380/0", ENCODE),
        ("redis://:123canary#@192.0.2.1:6379/0", ENCODE),
        ("redis://:1234#canary@192.0.2.1:6379/0", ENCODE),
        ("redis://:1234/canary@192.0.2.1:6379/0", ENCODE),
        ("redis://:1234?canary@192.0.2.1:6379/0", ENCODE),
        ("redis://host:canary/0", PORT),
        ("redis://host:0/0", PORT),
        ("host:6379", "Begin the URL with redis://, or"),
        ("http://host", "Begin the URL with redis://, or"),
        ("redis-cluster://host", "A URL cannot name a cluster"),
        ("redis+sentinel://host", "A URL cannot name a Sentinel"),
        ("valkey://host:6379/0", "Begin the URL with redis://, because Valkey"),
        ("redis://host:6379/0?decode_responses=true", REMOVE),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_what_to_do(
    keys: str, url: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(url, keys=keys)

    assert caught.value.__notes__[0].startswith(hint)
    assert find_leaks(caught.value, "canary") == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://:p@ss@127.0.0.1:6379/0",
        "redis://:p%2Fss@127.0.0.1:6379/0?client_name=a@b",
        "rediss://host:6380/0?ssl_cert_reqs=none",
        "rediss://host:6380/0?ssl_ca_certs=/etc/ssl/x.pem&socket_timeout=5",
        "redis://host:6379/0?health_check_interval=30&protocol=3",
        "redis://",
        "unix:///run/redis@1.sock?db=1",
        "unix://user:pass@/run/redis.sock",
    ],
)
def test_a_usable_url_is_accepted(keys: str, url: str) -> None:
    RedisStore(url, keys=keys).close()


def test_fakeredis_is_refused_with_the_store_for_tests(open_store: StoreOpener) -> None:
    fake: Any = type("FakeRedis", (redis.Redis,), {"__module__": "fakeredis._connection"})

    with pytest.raises(ConfigurationError, match="must not be fakeredis") as caught:
        open_store(client=fake(**BOUNDED))

    assert "MemoryStore" in caught.value.__notes__[0]


@pytest.mark.parametrize("arguments", [{}, {"url": "redis://", "client": redis.Redis()}])
def test_a_store_needs_either_a_url_or_a_client(keys: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="either a url or a client"):
        RedisStore(keys=keys, **arguments)


@pytest.mark.parametrize("arguments", [{}, {"keys": StoreKeys.generate(), "plain_text": True}])
def test_a_store_needs_either_keys_or_plain_text(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="plain_text=True, not both"):
        RedisStore("redis://", **arguments)
    assert isinstance(RedisStore("redis://", plain_text=True).keys, PlainText)


@pytest.mark.parametrize("timeout", [0, 2])
def test_the_timeout_has_limits(keys: str, timeout: float) -> None:
    message = f"timeout must be more than 0 s and at most 1 s, not {timeout} s"
    with pytest.raises(ValueError, match=message):
        RedisStore("redis://", keys=keys, timeout=timeout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prefix": 5}, "prefix must be of type str, not int."),
        ({"prefix": None}, "prefix must be of type str, not NoneType."),
        ({"plain_text": "yes"}, "plain_text must be of type bool, not str."),
        ({"plain_text": 1}, "plain_text must be of type bool, not int."),
    ],
)
def test_an_argument_of_another_type_is_refused(
    keys: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError) as caught:
        RedisStore("redis://", **({"keys": keys} | arguments))

    assert str(caught.value) == message


@pytest.mark.parametrize("prefix", ["a\nb", "\ud800", "a{}b"])
def test_a_prefix_that_no_server_or_no_cluster_could_use_is_refused(keys: str, prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix must be printable text without") as caught:
        RedisStore("redis://", keys=keys, prefix=prefix)

    assert str(caught.value).endswith(f", not {prefix!a}.")


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("canary@host/abc", "must end with the number of a database"),
        ("canary@host/0/1", "must end with the number of a database"),
        ("canary@host/-1", "must end with the number of a database"),
        ("canary@host:0", "must have a port from 1 to 65535"),
        ("canary@host?decode_responses=true", "must not have the option decode_responses"),
        ("canary@host?colour=red", "has an invalid option: colour"),
        ("canary@host?socket_timeout=red", "has an option that cannot be read"),
        ("canary@host?protocol=9", "has an invalid option: protocol"),
        ("canary@host?ssl_cert_reqs=none", "has an invalid option: ssl_cert_reqs"),
        ("canary@host?db", "must have options of the form NAME=VALUE after ?"),
        ("12#canary@host", "must not have /, # or ? in its password"),
        ("12?canary=1@host", "must not have /, # or ? in its password"),
    ],
)
def test_a_url_that_does_not_mean_what_it_seems_to_is_refused_without_being_shown(
    keys: str, rest: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(f"redis://:{rest}", keys=keys)

    assert str(caught.value) == f"The url of a RedisStore {message}."
    assert find_leaks(caught.value, "canary") == []


def test_a_unix_url_needs_a_path(keys: str) -> None:
    with pytest.raises(ConfigurationError, match="has no path"):
        RedisStore("unix://", keys=keys)


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://host",
        "redis:///3",
        "redis://:p%23%3F%40@host:1/3",
        "redis://host?db=3&max_connections=5&client_name=shop&socket_keepalive=true",
        "rediss://host/3?ssl_ca_certs=ca.pem&ssl_check_hostname=false",
        "unix://:secret@/run/redis.sock?db=3",
    ],
)
def test_a_url_with_options_of_the_redis_library_is_accepted(keys: str, url: str) -> None:
    RedisStore(url, keys=keys).close()


def test_the_repr_of_a_store_shows_no_password(keys: str) -> None:
    store = RedisStore("redis://user:canary-password@localhost", keys=keys)

    assert repr(store) == "<RedisStore, prefix 'cognito-devtoken'>"
    assert not hasattr(store, "__dict__")


@pytest.mark.external
def test_without_redis_the_extra_is_named() -> None:
    script = """
import sys
sys.modules["redis"] = None
try:
    import cognito_devtoken.stores.redis
except Exception as error:
    print(type(error).__name__, error, *error.__notes__)
"""
    assert run_script(script) == (
        "ConfigurationError A RedisStore needs redis, which is not installed. "
        "Install the extra: pip install 'cognito-devtoken[redis]'\n"
    )
