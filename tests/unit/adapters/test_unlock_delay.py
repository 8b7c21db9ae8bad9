"""Wrong passphrases: each makes the next attempt wait longer, and none waits for ever."""

import json
import os
import stat
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.disks import full_disk
from tests.support.keystores import PASSPHRASE, SLOT, keystore_in, opened
from tradebot.adapters import unlock_delay
from tradebot.adapters.clock import VirtualClock
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.redact import Secret
from tradebot.adapters.unlock_delay import FAILURES_NAME, UnlockDelay
from tradebot.errors import KeystoreError

START_MS = 1_795_000_000_000


class Owner:
    """Somebody at the prompt of a keystore; `waited` are the seconds of each attempt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = VirtualClock(START_MS)
        self.told: list[int] = []

    def attempt(self, *, is_right: bool) -> int:
        """Try once; return the seconds that it took."""
        began_ms = self.clock.now_ms()
        delay = UnlockDelay(self.folder, self.clock, self.told.append)
        if is_right:
            with delay.attempt():
                pass
        else:
            with pytest.raises(KeystoreError, match="wrong"), delay.attempt():
                raise KeystoreError("wrong")
        return (self.clock.now_ms() - began_ms) // 1000


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    """Somebody who has not tried yet."""
    return Owner(tmp_path)


def test_each_wrong_passphrase_makes_the_next_attempt_wait_longer_up_to_30_s(owner: Owner) -> None:
    waits = [owner.attempt(is_right=False) for _ in range(9)]
    assert waits == [0, 1, 2, 4, 8, 16, 30, 30, 30]
    assert owner.told == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_right_passphrase_waits_too_and_then_all_is_forgotten(owner: Owner) -> None:
    for _ in range(3):
        owner.attempt(is_right=False)
    assert owner.attempt(is_right=True) == 4
    assert owner.attempt(is_right=True) == 0
    assert not (owner.folder / FAILURES_NAME).exists()


def test_the_wait_begins_with_the_answer(owner: Owner) -> None:
    def refuse_slowly() -> None:
        with UnlockDelay(owner.folder, owner.clock).attempt():
            owner.clock.sleep_until(START_MS + 5_000)
            raise KeystoreError("slow")

    with pytest.raises(KeystoreError, match="slow"):
        refuse_slowly()
    assert owner.attempt(is_right=True) == 1


def test_without_failures_nobody_waits_or_hears_of_it(owner: Owner) -> None:
    owner.clock = VirtualClock(0)
    assert owner.attempt(is_right=True) == 0
    assert (owner.told, owner.clock.now_ms()) == ([], 0)


def test_a_part_of_a_second_is_told_as_a_whole_one(owner: Owner) -> None:
    owner.attempt(is_right=False)
    owner.clock.sleep_until(START_MS + 999)
    owner.attempt(is_right=True)
    assert owner.told == [1]
    assert owner.clock.now_ms() == START_MS + 1_000


def test_time_that_has_passed_counts(owner: Owner) -> None:
    for _ in range(4):
        owner.attempt(is_right=False)
    owner.clock.sleep_until(owner.clock.now_ms() + 5_000)
    assert owner.attempt(is_right=True) == 3


def test_the_count_is_on_disk_before_the_attempt(owner: Owner) -> None:
    """Who ends the process before the answer comes has used an attempt up all the same."""
    with UnlockDelay(owner.folder, owner.clock).attempt():
        kept = json.loads((owner.folder / FAILURES_NAME).read_text())
        assert kept == {"count": 1, "last_at_ms": START_MS}
        assert stat.S_IMODE((owner.folder / FAILURES_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"count": "5", "last_at_ms": 1}', "\x00" * 30, "[" * 100_000,
     '{"count": true, "last_at_ms": 1}', '{"count": 1, "last_at_ms": 1.5}'],
)  # fmt: skip
def test_a_damaged_count_is_no_bypass_and_no_lock_out(owner: Owner, content: str) -> None:
    damaged = owner.folder / FAILURES_NAME
    damaged.write_text(content)
    damaged.chmod(0o600)
    assert owner.attempt(is_right=False) == 30
    damaged.write_text(content)
    assert owner.attempt(is_right=True) == 30
    assert owner.attempt(is_right=True) == 0


@pytest.mark.parametrize(
    "kept",
    [{"count": 10**30, "last_at_ms": START_MS}, {"count": 6, "last_at_ms": 10**30},
     {"count": 3, "last_at_ms": START_MS + 86_400_000}],
    ids=["absurd count", "absurd time", "a clock that was set back"],
)  # fmt: skip
def test_nothing_in_the_count_makes_anybody_wait_longer_than_30_s(
    owner: Owner, kept: dict[str, int]
) -> None:
    (owner.folder / FAILURES_NAME).write_text(json.dumps(kept))
    (owner.folder / FAILURES_NAME).chmod(0o600)
    assert owner.attempt(is_right=True) == 30


def test_the_time_that_another_attempt_took_counts(owner: Owner) -> None:
    """Symptom: 30 s for the lock, and 30 s more for the failures of whoever had it."""

    class Queueing(VirtualClock):
        """A clock of somebody who waits 20 s for the lock, after a first look at the time."""

        def now_ms(self) -> int:
            seen = super().now_ms()
            if seen == START_MS:
                self.sleep_until(START_MS + 20_000)
            return seen

    kept = {"count": 6, "last_at_ms": START_MS + 19_000}
    (owner.folder / FAILURES_NAME).write_text(json.dumps(kept))
    (owner.folder / FAILURES_NAME).chmod(0o600)
    owner.clock = Queueing(START_MS)
    with UnlockDelay(owner.folder, owner.clock, owner.told.append).attempt():
        pass
    assert owner.told == [10]


@pytest.mark.parametrize("count", [0, -5])
def test_a_count_that_is_none_is_taken_for_one(owner: Owner, count: int) -> None:
    (owner.folder / FAILURES_NAME).write_text(json.dumps({"count": count, "last_at_ms": START_MS}))
    (owner.folder / FAILURES_NAME).chmod(0o600)
    assert owner.attempt(is_right=True) == 1


def test_a_link_in_place_of_the_count_is_not_followed(owner: Owner) -> None:
    elsewhere = owner.folder / "elsewhere"
    elsewhere.write_text('{"count": 1, "last_at_ms": 0}')
    elsewhere.chmod(0o600)
    (owner.folder / FAILURES_NAME).symlink_to(elsewhere)
    assert owner.attempt(is_right=False) == 30
    assert elsewhere.exists()
    assert not (owner.folder / FAILURES_NAME).is_symlink()


def test_where_nothing_can_be_written_a_wrong_one_takes_30_s_and_a_right_one_none(
    owner: Owner,
) -> None:
    with full_disk():
        assert owner.attempt(is_right=True) == 0
        assert owner.attempt(is_right=False) == 30


def test_a_folder_in_place_of_the_count_is_no_bypass(owner: Owner) -> None:
    (owner.folder / FAILURES_NAME).mkdir()
    assert owner.attempt(is_right=False) == 60
    assert owner.attempt(is_right=True) == 30


def test_an_attempt_that_hangs_keeps_nobody_out(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlock_delay, "_LOCK_SECONDS", 0)
    with FileLock(owner.folder / "unlock.lock"):
        assert owner.attempt(is_right=True) == 0
        assert owner.attempt(is_right=False) == 30
        assert os.listdir(owner.folder) == ["unlock.lock"]


def test_a_keystore_is_behind_the_delay(tmp_path: Path) -> None:
    folder = keystore_in(tmp_path / "keystore")
    clock, told = VirtualClock(START_MS), list[int]()

    def open_with(passphrase: Secret) -> Keystore:
        return Keystore.open(folder, passphrase, clock=clock, on_wait=told.append)

    for _ in range(3):
        with pytest.raises(KeystoreError, match=r"^wrong passphrase, or .* was changed$"):
            open_with(Secret("incorrect horse"))
    assert open_with(PASSPHRASE).slots() == (SLOT,)
    assert told == [1, 2, 4]
    assert clock.now_ms() == START_MS + 7_000
    assert not (folder / FAILURES_NAME).exists()


def test_a_changed_file_counts_as_a_wrong_passphrase_does(tmp_path: Path) -> None:
    folder = keystore_in(tmp_path / "keystore")
    path = folder / "keystore.json"
    sound = path.read_text()
    path.write_text(sound.replace('"binance/testnet/main"', '"binance/testnet/mine"'))
    with pytest.raises(KeystoreError, match=r"^wrong passphrase, or .* was changed$"):
        opened(folder)
    assert (folder / FAILURES_NAME).exists()
