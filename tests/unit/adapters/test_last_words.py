"""Where no log is open, what is printed all the same holds no secret."""

import logging
import threading
from unittest.mock import patch

import pytest

from tradebot.adapters.last_words import PINNED_LOGGERS, crash_text, guard_stderr
from tradebot.adapters.redact import Secret

CANARY = 'ca"na\\ry-7f3a9c'


def test_without_a_log_a_library_s_warning_on_stderr_holds_no_secret() -> None:
    secret = Secret(CANARY)
    guard_stderr()
    assert logging.lastResort is not None
    record = logging.getLogger("asyncio").makeRecord(
        "asyncio", logging.ERROR, __file__, 0, "never closed %s", (CANARY,), None
    )
    assert logging.lastResort.format(record) == "never closed ***"
    assert secret == Secret(CANARY)


@pytest.mark.parametrize("name", PINNED_LOGGERS)
def test_without_a_log_libraries_are_pinned_all_the_same(name: str) -> None:
    logger = logging.getLogger(name)
    before, level = logger.level, logging.DEBUG
    logger.setLevel(level)
    guard_stderr()
    assert logger.level == logging.WARNING
    logger.setLevel(before)


def test_a_thread_that_dies_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)

    def dies() -> None:
        raise ValueError(f"with {CANARY}")

    with patch.object(threading, "excepthook", threading.__excepthook__):
        guard_stderr()
        thread = threading.Thread(target=dies, name="alerts")
        thread.start()
        thread.join()
    (record,) = caplog.records
    said = record.getMessage()
    assert "7f3a9c" not in said
    assert (record.name, record.levelno) == ("threads", logging.ERROR)
    assert said.startswith("Exception in thread alerts:\nTraceback")
    assert said.endswith("ValueError: with ***\n")
    assert secret == Secret(CANARY)


def test_whoever_listens_for_dying_threads_already_goes_on_listening() -> None:
    heard = threading.excepthook
    assert heard is not threading.__excepthook__, "pytest listens"
    guard_stderr()
    assert threading.excepthook is heard


def test_a_crash_shows_neither_its_own_secret_nor_that_of_its_cause() -> None:
    secret = Secret(CANARY)
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as cause:
            raise AssertionError(f"https://x/?signature=0123 {CANARY}") from cause
    except AssertionError as error:
        said = crash_text(error)
    assert "7f3a9c" not in said
    assert said.endswith("AssertionError: https://x/?signature=*** ***\n")
    assert "KeyError: '***'" in said
    assert secret == Secret(CANARY)
