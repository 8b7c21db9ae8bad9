"""Files that anybody may have written: whatever is in them, the answer is one of our errors."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.keystores import SLOT, document_of, keystore_in, opened
from tradebot.adapters import keystore as keystore_module
from tradebot.adapters.keystore_file import Document, Slot, canonical, key_checks
from tradebot.adapters.redact import Secret
from tradebot.adapters.unlock import Ways, keystore_passphrase
from tradebot.adapters.unlock_delay import FAILURES_NAME
from tradebot.errors import KeystoreError, UsageError
from tradebot.runtime.key_fields import read_fields

# In all a minute of a core; each example is written to a real file and read from it.
long_and_wide = settings(
    max_examples=4_000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
# Where something else is put in a file that is sound otherwise.
PLACES = st.sampled_from(
    [(), ("header",), ("header", "salt"), ("header", "schema"), ("header", "kdf"),
     ("header", "memory_kib"), ("header", "iterations"), ("header", "lanes"), ("wrapped_key",),
     ("seal",), ("slots",), ("slots", SLOT), ("checks",), ("checks", SLOT), ("more",)]
)  # fmt: skip
NUMBERS = st.sampled_from([0, -1, True, 2**31, 2**64, 10**400, 1.5, 19 * 1024, 2048 * 1024])


def quick_key(document: Document, passphrase: Secret) -> Fernet:
    """Stand for Argon2id: another header or passphrase, another key."""
    text = canonical(document.header()) + passphrase.reveal().encode()
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(text).digest()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a keystore of one key, which opens at once."""
    monkeypatch.setattr(keystore_module, "_key_of_passphrase", quick_key)
    return keystore_in(tmp_path / "keystore")


@contextmanager
def put_back(path: Path) -> Iterator[bytes]:
    """Yield what a file holds; afterwards it holds that again."""
    sound = path.read_bytes()
    try:
        yield sound
    finally:
        path.write_bytes(sound)


def assert_refused_or_whole(folder: Path, sound: bytes) -> None:
    """Demand one of our errors, unless the file is as it was."""
    try:
        opened(folder).get(SLOT, "testnet")
    except KeystoreError:
        with suppress(KeystoreError):
            key_checks(folder)
        assert (folder / "keystore.json").read_bytes() != sound
    else:
        assert (folder / "keystore.json").read_bytes() == sound


def replaced(content: Any, place: tuple[str, ...], value: object) -> Any:
    if not place:
        return value
    return {**content, place[0]: replaced(content.get(place[0], {}), place[1:], value)}


@pytest.mark.long
@long_and_wide
@given(place=PLACES, value=JSON | NUMBERS)
def test_a_keystore_with_something_else_in_it_is_refused_in_words(
    folder: Path, place: tuple[str, ...], value: object
) -> None:
    path = folder / "keystore.json"
    with put_back(path) as sound:
        content = replaced(document_of(folder), place, value)
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        assert_refused_or_whole(folder, sound)


@pytest.mark.long
@long_and_wide
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 5_000), st.integers(0, 40), st.binary(max_size=8)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_a_keystore_with_bytes_cut_out_or_put_in_is_refused_in_words(
    folder: Path, edits: list[tuple[int, int, bytes]]
) -> None:
    path = folder / "keystore.json"
    with put_back(path) as sound:
        data = sound
        for place, count, more in edits:
            at = place % (len(data) + 1)
            data = data[:at] + more + data[at + count :]
        path.write_bytes(data)
        assert_refused_or_whole(folder, sound)


@pytest.mark.long
@settings(long_and_wide, max_examples=1_000)
@given(data=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_count_of_failures_with_anything_in_it_keeps_nobody_out(
    folder: Path, data: bytes
) -> None:
    (folder / FAILURES_NAME).touch(mode=0o600)
    (folder / FAILURES_NAME).write_bytes(data)
    assert opened(folder).slots() == (SLOT,)


@pytest.mark.long
@long_and_wide
@given(data=st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode()))
def test_a_passphrase_file_with_anything_in_it_is_a_passphrase_or_refused(
    tmp_path: Path, data: bytes
) -> None:
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_bytes(data)
    ways = Ways(keystore=tmp_path / "project" / "keystore", key_file=file)
    try:
        found = keystore_passphrase(ways, environ={})
    except KeystoreError:
        return
    assert found.reveal() == data.decode().removesuffix("\n").removesuffix("\r")


PEM_LINES = st.sampled_from(
    ["-----BEGIN EC PRIVATE KEY-----", "MHcCAQEE", "-----END EC PRIVATE KEY-----", "", "\\n"]
)
NAMES = st.sampled_from(
    ["api_key", "apiKey", "name", "secret", "privateKey", "passphrase", "password", "bot_token",
     "chat_id", "webhook_url", "host", "port", "security", "sender", "recipients", "username"]
)  # fmt: skip
SLOTS = st.sampled_from(
    [Slot("alerts", "alerts", name) for name in ("slack", "telegram", "email")]
    + [Slot(name, "live", "main") for name in ("binance", "okx", "coinbase")]
)
WORDS = st.text(max_size=30) | PEM_LINES | st.sampled_from(["https://[", "http://x", "1:aaaaaaa"])
TEXTS = (
    st.lists(WORDS | PEM_LINES, max_size=9).map("\n".join)
    | st.dictionaries(NAMES, WORDS | JSON, max_size=8).map(json.dumps)
    | JSON.map(json.dumps)
)


@pytest.mark.long
@long_and_wide
@given(slot=SLOTS, data=TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_key_file_with_anything_in_it_gives_a_key_or_is_refused_in_words(
    tmp_path: Path, slot: Slot, data: bytes
) -> None:
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_bytes(data)
    try:
        fields = read_fields(slot, stdin=None, key_file=file, ask=None)
    except (KeystoreError, UsageError):
        return
    assert fields
