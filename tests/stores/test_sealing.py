"""A sealed value reveals nothing, and opens only unaltered and in its own place."""

import base64
import pickle
from pathlib import Path
from typing import Any

import pytest

from canary import find_leaks
from cognito_devtoken._sharing import messages
from cognito_devtoken.exceptions import ConfigurationError
from cognito_devtoken.stores import PlainText, StoreKeys
from cognito_devtoken.stores._sealing import CannotOpenError
from scripts import run_script


DIGEST = bytes(range(32))
VALUE = b"a value of some length"


def test_a_sealed_value_opens() -> None:
    keys = StoreKeys(StoreKeys.generate())

    sealed = keys.seal(VALUE, DIGEST)

    assert keys.open(sealed, DIGEST) == VALUE
    assert VALUE not in sealed
    assert keys.seal(VALUE, DIGEST) != sealed
    assert sealed[:1] == b"\x01"
    assert sealed[1:9].hex() == keys.ids[0]
    assert len(sealed) == 1 + 8 + 12 + len(VALUE) + 16


def test_a_value_that_does_not_open_shows_no_key_in_its_frames() -> None:
    keys = StoreKeys(StoreKeys.generate())
    sealed = keys.seal(VALUE, DIGEST)
    parts = [repr(key.naming) for key in keys._keys]

    with pytest.raises(CannotOpenError) as caught:
        keys.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), DIGEST)

    assert find_leaks(caught.value, *parts) == []


def test_sealing_is_aes_256_gcm_with_the_digest_as_additional_data() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    keys = StoreKeys(StoreKeys.generate())
    sealed = keys.seal(VALUE, DIGEST)
    cipher = keys._keys[0].cipher

    assert isinstance(cipher, AESGCM)
    assert cipher.decrypt(sealed[9:21], sealed[21:], sealed[:9] + DIGEST) == VALUE


def test_a_value_with_a_changed_bit_does_not_open() -> None:
    keys = StoreKeys([StoreKeys.generate(), StoreKeys.generate()])
    sealed = keys.seal(VALUE * 50, DIGEST)

    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CannotOpenError):
            keys.open(bytes(changed), DIGEST)


def test_a_value_does_not_open_for_another_digest() -> None:
    keys = StoreKeys(StoreKeys.generate())

    with pytest.raises(CannotOpenError, match="moved"):
        keys.open(keys.seal(VALUE, DIGEST), DIGEST[::-1])


@pytest.mark.parametrize("length", range(30))
def test_a_short_value_does_not_open(length: int) -> None:
    keys = StoreKeys(StoreKeys.generate())

    with pytest.raises(CannotOpenError):
        keys.open(keys.seal(b"", DIGEST)[:length], DIGEST)


def test_the_first_key_seals_and_every_key_opens() -> None:
    old, new = StoreKeys.generate(), StoreKeys.generate()
    by_old, by_both = StoreKeys(old), StoreKeys([new, old])

    assert by_both.open(by_old.seal(VALUE, DIGEST), DIGEST) == VALUE
    with pytest.raises(CannotOpenError, match="unknown key"):
        by_old.open(by_both.seal(VALUE, DIGEST), DIGEST)
    assert by_both.names(DIGEST)[1:] == by_old.names(DIGEST)


def test_a_name_does_not_reveal_its_digest() -> None:
    keys = [StoreKeys.generate() for _ in range(2)]
    (one,), (other,) = (StoreKeys(key).names(DIGEST) for key in keys)

    assert len(one) == 64
    assert one != other, "computing the name takes the key"
    assert DIGEST.hex() not in one


def test_a_plain_value_does_not_open_as_sealed_nor_a_sealed_one_as_plain() -> None:
    keys, plain = StoreKeys(StoreKeys.generate()), PlainText()

    assert plain.open(plain.seal(VALUE, DIGEST), DIGEST) == VALUE
    with pytest.raises(CannotOpenError, match="unknown format"):
        keys.open(plain.seal(VALUE, DIGEST), DIGEST)
    with pytest.raises(CannotOpenError, match="unknown format"):
        plain.open(keys.seal(VALUE, DIGEST), DIGEST)
    with pytest.raises(CannotOpenError, match="moved"):
        plain.open(plain.seal(VALUE, DIGEST), DIGEST[::-1])
    assert plain.names(DIGEST) != keys.names(DIGEST)


def test_no_two_messages_are_equal() -> None:
    scopes = [("all", "")]
    one, two = (messages.seal(scopes, PlainText()) for _ in "ab")

    assert one != two
    assert messages.read(one, PlainText()) == messages.read(two, PlainText()) == scopes


def test_keys_come_from_a_string_a_file_or_a_callable(tmp_path: Path) -> None:
    one, two = StoreKeys.generate(), StoreKeys.generate()
    wanted = StoreKeys([one, two]).ids
    path = tmp_path / "keys"
    path.write_text(f"{one}\n{two}\n")
    windows = tmp_path / "from a Windows editor"
    windows.write_bytes(f"\ufeff{one}\r\n{two}\r\n".encode())

    sources: list[Any] = [
        f"{one},{two}",
        f" {one} , {two} ",
        one.rstrip("=") + "," + two,
        path,
        windows,
        f"file:{path}",
        lambda: [one, two],
        lambda: f"{one},{two}",
        iter((one, two)),
    ]
    for source in sources:
        assert StoreKeys(source).ids == wanted
    assert len(set(wanted)) == 2


CANARY = base64.urlsafe_b64encode(b"canary, a key that is not 32 B!").decode()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "The store has no keys."),
        (" , ", "The store has no keys."),
        ([], "The store has no keys."),
        (CANARY, "Key 1 of the store must be 32 bytes in URL-safe base64."),
        ([StoreKeys.generate(), CANARY], "Key 2 of the store must be 32 bytes"),
        ("not/base64!", "Key 1 of the store must be 32 bytes"),
        (42, "Store keys must be text, a file or a function, not int."),
        ("file:/no/such/file", "store's keys from /no/such/file: No such file or directory."),
    ],
)
def test_an_invalid_key_is_refused_without_being_shown(source: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        StoreKeys(source)

    assert message in str(caught.value)
    assert find_leaks(caught.value, CANARY, CANARY.rstrip("=")) == []


@pytest.mark.parametrize("content", [CANARY.encode() + b"\xff", CANARY.encode("utf-16")])
def test_a_key_file_that_is_not_utf_8_is_refused_without_being_shown(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        StoreKeys(path)

    assert str(caught.value) == f"Cannot read the store's keys from {path}: it is not UTF-8 text."
    assert caught.value.__context__ is None
    assert find_leaks(caught.value, CANARY) == []


def test_keys_show_in_no_repr_and_cannot_be_pickled() -> None:
    key = StoreKeys.generate()
    keys = StoreKeys(key)

    assert key not in repr(keys)
    assert repr(keys) == f"<StoreKeys {keys.ids[0]}>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(keys)


@pytest.mark.external
def test_without_cryptography_the_extra_is_named() -> None:
    script = """
import sys
sys.modules["cryptography"] = None
from cognito_devtoken.stores import StoreKeys
try:
    StoreKeys(StoreKeys.generate())
except Exception as error:
    print(type(error).__name__, error, *error.__notes__)
"""
    assert run_script(script) == (
        "ConfigurationError Sealing tokens needs cryptography, which is not installed. "
        "Install the extra: pip install 'cognito-devtoken[redis]'\n"
    )
