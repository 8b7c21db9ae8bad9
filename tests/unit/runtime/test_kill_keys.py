"""The keystore of an emergency stop: opened once, and a refusal stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.keystores import PASSPHRASE, SLOT, keystore_in
from tradebot.errors import KeystoreError
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.kill import opened_once


def _asked(answer: str) -> tuple[list[str], Callable[[str, bool], str]]:
    labels: list[str] = []

    def ask(label: str, is_hidden: bool) -> str:
        labels.append(label)
        return answer

    return labels, ask


def test_passphrase_is_asked_for_once_however_many_accounts_there_are(tmp_path: Path) -> None:
    labels, ask = _asked(PASSPHRASE.reveal())
    opened = opened_once(Unlocking(folder=keystore_in(tmp_path / "keystore"), ask=ask))
    for _ in range(3):
        assert opened.open().get(SLOT, "testnet")["api_key"].reveal() == "key-7f3a9c"
    assert opened_once(opened) is opened
    assert len(labels) == 1


def test_wrong_passphrase_is_not_tried_again(tmp_path: Path) -> None:
    """Each wrong one makes the next wait longer: an emergency has no time for that."""
    labels, ask = _asked("another one")
    opened = opened_once(Unlocking(folder=keystore_in(tmp_path / "keystore"), ask=ask))
    for _ in range(3):
        with pytest.raises(KeystoreError):
            opened.open()
    assert len(labels) == 1
