"""The log: one JSON object a line, redacted, private, rotated, and never in the way of trading."""

import io
import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks import full_disk
from tradebot.adapters import logs
from tradebot.adapters.clock import VirtualClock
from tradebot.adapters.last_words import PINNED_LOGGERS
from tradebot.adapters.logs import close_logging, configure_logging, get_logger
from tradebot.adapters.redact import Redactor, Secret
from tradebot.errors import ConfigError

NOW_MS = 1_672_531_200_123
CANARY = 'ca"na\\ry-7f3a9c'


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_logging()


def opened(folder: Path, level: str = "info") -> Path:
    return configure_logging(
        folder,
        mode="testnet",
        level=level,
        clock=VirtualClock(NOW_MS),
        redactor=Redactor([Secret(CANARY)]),
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_has_time_level_mode_logger_and_event(tmp_path: Path) -> None:
    path = opened(tmp_path / "logs")
    get_logger("session").info("order.sent", market="BTC/USDT")
    logging.getLogger("ccxt").warning("slow %s", "answer")
    logging.getLogger("tradebot.alerts").warning("alert.failed", extra={"channel": "slack"})
    head = {"at": "2023-01-01T00:00:00.123Z", "mode": "testnet"}
    assert lines(path) == [
        {**head, "level": "info", "logger": "tradebot.logs", "event": "log.opened"},
        {**head, "level": "info", "logger": "tradebot.session", "event": "order.sent",
         "market": "BTC/USDT"},
        {**head, "level": "warning", "logger": "ccxt", "event": "slow answer"},
        {**head, "level": "warning", "logger": "tradebot.alerts", "event": "alert.failed",
         "channel": "slack"},
    ]  # fmt: skip


@pytest.mark.parametrize("name", PINNED_LOGGERS)
def test_libraries_that_log_keys_are_pinned_to_warning(tmp_path: Path, name: str) -> None:
    path = opened(tmp_path, "debug")
    logging.getLogger(f"{name}.inner").info("request with headers")
    logging.getLogger(name).warning("kept")
    assert [line["event"] for line in lines(path)[1:]] == ["kept"]


@pytest.mark.parametrize(("level", "kept"), [("debug", 2), ("info", 1), ("error", 0)])
def test_level_says_which_of_our_lines_are_kept(tmp_path: Path, level: str, kept: int) -> None:
    path = opened(tmp_path, level)
    log = get_logger("session")
    log.debug("detail")
    log.info("fact")
    assert len(lines(path)) == 1 + kept


def test_secrets_are_masked_in_fields_messages_and_tracebacks(tmp_path: Path) -> None:
    path = opened(tmp_path)
    log = get_logger("session")
    log.info("field", key=CANARY, nested={"a": [CANARY]}, secret=Secret(CANARY))
    log.info(f"message {CANARY}")
    logging.getLogger("ccxt").warning("args %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("ours")
        logging.getLogger("ccxt").exception("theirs")
    assert "7f3a9c" not in path.read_text()
    last = lines(path)[-1]
    assert last["exception"].endswith("ValueError: ***")


def test_a_fields_name_cannot_replace_the_lines_own(tmp_path: Path) -> None:
    path = opened(tmp_path)
    get_logger("session").info("fact", at="yesterday", mode="live")
    assert lines(path)[-1]["mode"] == "testnet"
    assert lines(path)[-1]["at"] == "2023-01-01T00:00:00.123Z"


def test_a_line_cannot_be_broken_by_what_it_says(tmp_path: Path) -> None:
    path = opened(tmp_path)
    get_logger("session").info("a\nb\x1b[31m", text="\u2028")
    assert path.read_text().isascii()
    assert lines(path)[-1]["event"] == "a\nb\x1b[31m"


def test_the_file_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    (tmp_path / "tradebot.jsonl").touch(mode=0o644)
    path = opened(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_file_is_rotated_and_five_old_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_FILE_SIZE_MAX", 300)
    path = opened(tmp_path)
    for number in range(40):
        get_logger("session").info("fact", number=number)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["tradebot.jsonl", *(f"tradebot.jsonl.{n}" for n in range(1, 6))]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert lines(path)[-1]["number"] == 39


def test_a_later_run_adds_to_the_file(tmp_path: Path) -> None:
    opened(tmp_path)
    close_logging()
    path = opened(tmp_path)
    assert len(lines(path)) == 2


def test_configuring_twice_writes_each_line_once(tmp_path: Path) -> None:
    opened(tmp_path / "first")
    path = opened(tmp_path / "second")
    get_logger("session").info("fact")
    assert [line["event"] for line in lines(path)] == ["log.opened", "fact"]


def test_after_closing_nothing_is_written_anywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = opened(tmp_path)
    assert close_logging() == 0
    assert close_logging() == 0
    before = path.read_text()
    get_logger("session").error("late")
    assert path.read_text() == before
    assert capsys.readouterr() == ("", "")


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^'loud' is not a log level$") as caught:
        opened(Path("never"), "loud")
    assert caught.value.hint == "known are debug, info, warning, error"


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(ConfigError, match=r"logs/tradebot.jsonl cannot be written: ") as caught:
        opened(tmp_path / "logs")
    assert caught.value.hint == (
        "free some space, make the folder writable, or set [paths] logs to another one"
    )
    assert caught.value.exit_code == 78


def test_a_symbolic_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tradebot.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be written: Too many levels of symbolic links"):
        opened(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_at_the_start_is_one_clear_error(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(ConfigError, match="cannot be written: File too large"):
        opened(tmp_path)
    assert close_logging() == 0


def test_a_disk_that_fills_up_later_costs_lines_but_raises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = opened(tmp_path)
    log = get_logger("session")
    with full_disk():
        for number in range(1000):
            log.info("lost", number=number, text="x" * 100)
    log.info("healed")
    assert close_logging() > 900
    assert capsys.readouterr() == ("", "")
    assert lines(path)[-1]["event"] == "healed"


# --- what others would print --------------------------------------------------------------------


@pytest.fixture
def stranger() -> Iterator[io.StringIO]:
    """Return what a handler hears that a strategy's own code has put on the root logger."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root = logging.getLogger()
    root.addHandler(handler)
    yield said
    root.removeHandler(handler)


def test_a_handler_of_somebody_else_hears_no_secret(tmp_path: Path, stranger: io.StringIO) -> None:
    opened(tmp_path)
    logging.getLogger("ccxt").warning("args %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("ccxt").exception("theirs %s", CANARY)
        get_logger("session").exception("ours", key=CANARY)
    said = stranger.getvalue()
    assert "7f3a9c" not in said
    assert said.count("ValueError: ***") == 2
    assert "args ***" in said


def test_after_closing_records_are_the_standard_library_s_again(tmp_path: Path) -> None:
    before = logging.getLogRecordFactory()
    opened(tmp_path)
    opened(tmp_path)
    assert logging.getLogRecordFactory() is not before
    close_logging()
    assert logging.getLogRecordFactory() is before
