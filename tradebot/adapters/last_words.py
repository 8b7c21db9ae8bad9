"""What is printed where no log is open: libraries' warnings, a thread that dies, our own crash.

Law: none of it holds a secret that this process holds.
"""

import logging
import threading
import traceback
from typing import Final

from tradebot.adapters.redact import redacted_by_living

# Their DEBUG and INFO lines carry request headers, keys and signatures.
PINNED_LOGGERS: Final = ("ccxt", "urllib3", "requests", "aiohttp", "apscheduler", "asyncio")


def pin_loggers() -> None:
    """Have the libraries say no more than warnings, whatever level a log is opened with."""
    for name in PINNED_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def guard_stderr() -> None:
    """Keep secrets out of what libraries and threads print on stderr."""
    pin_loggers()
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_LastFormatter())
    # Who listens already, as a debugger or a test does, goes on listening.
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _say_thread_died


def crash_text(error: BaseException) -> str:
    """Return an error with its traceback and its causes, as Python prints them."""
    return redacted_by_living("".join(traceback.format_exception(error)))


class _LastFormatter(logging.Formatter):
    """The words of a record, for the handler of last resort."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted_by_living(super().format(record))


def _say_thread_died(died: threading.ExceptHookArgs) -> None:
    if died.exc_value is None or isinstance(died.exc_value, SystemExit):
        return
    name = "?" if died.thread is None else died.thread.name
    # Into the log where one is open, else on stderr.
    logging.getLogger("threads").error(
        "Exception in thread %s:\n%s", name, crash_text(died.exc_value)
    )
