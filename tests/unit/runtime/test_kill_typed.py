"""What a kill took is counted from its typed command, as far as the machine tells."""

from pathlib import Path

import pytest

from tradebot.adapters.clock import WallClock
from tradebot.runtime import kill_typed
from tradebot.runtime.kill_typed import typed_ms

TICK_MS = 10
# Its 22nd field is when it began, in hundredths of a second; a name may hold anything.
STAT = "7 (a) b) S " + " ".join(["1"] * 18) + " 500 1\n"


def test_this_process_began_before_now() -> None:
    now = WallClock().monotonic_ms()
    assert now - typed_ms(now) >= 0


@pytest.mark.parametrize(
    ("text", "now_ms", "began_ms"),
    [
        (STAT, 5_100, 5_000),
        (STAT, 5_000 + 600_000, 5_000),
        (STAT, 5_001 + 600_000, 5_001 + 600_000),
        (STAT, 4_999, 4_999),
        ("", 5_100, 5_100),
        ("7 (a) x", 5_100, 5_100),
    ],
    ids=["told", "long ago", "too long ago", "of the future", "empty", "cut"],
)
def test_beginning_is_read_where_it_can_be_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, now_ms: int, began_ms: int
) -> None:
    (tmp_path / "stat").write_text(text)
    monkeypatch.setattr(kill_typed, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(kill_typed.os, "sysconf", lambda name: 1000 // TICK_MS)
    assert typed_ms(now_ms) == began_ms


def test_where_nothing_is_told_it_is_counted_from_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_typed, "_STAT", tmp_path / "none")
    assert typed_ms(7) == 7
