"""The log: structlog and the standard library's loggers as JSON lines in one rotating file.

Law: a line that cannot be written is counted and dropped; logging never stops trading. No text
leaves unredacted, whichever handler or stream it leaves by.
"""

import logging
import os
from collections.abc import Callable, Mapping, MutableMapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import structlog

from tradebot.adapters.last_words import pin_loggers
from tradebot.errors import ConfigError
from tradebot.model.timeframe import format_time
from tradebot.ports import Clock

LOG_NAME: Final = "tradebot.jsonl"
_FILE_SIZE_MAX = 20 * 1024 * 1024
_OLD_FILES_MAX = 5
_LEVELS: Final = ("debug", "info", "warning", "error")

_handler: "_LogHandler | None" = None


def get_logger(name: str) -> Any:
    """Return a structlog logger; before `configure_logging` it says nothing."""
    return structlog.wrap_logger(
        logging.getLogger(f"tradebot.{name}"),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def configure_logging(
    folder: Path, *, mode: str, level: str, clock: Clock, redactor: Callable[[str], str]
) -> Path:
    """Send every log line to `folder`/tradebot.jsonl, redacted, and return its path.

    Raises ConfigError when the file cannot be written or `level` is unknown.
    """
    global _handler
    if level not in _LEVELS:
        raise ConfigError(f"{level!r} is not a log level", f"known are {', '.join(_LEVELS)}")
    close_logging()
    path = folder / LOG_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = _LogHandler(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    handler.setFormatter(_formatter(mode, clock, redactor))
    try:
        handler.write_or_raise(logging.getLogger("tradebot.logs").makeRecord(
            "tradebot.logs", logging.INFO, __file__, 0, "log.opened", (), None
        ))  # fmt: skip
    except OSError as error:
        handler.close()
        raise _unwritable(path, error) from None
    root = logging.getLogger()
    root.addHandler(handler)
    logging.getLogger("tradebot").setLevel(level.upper())
    logging.setLogRecordFactory(_redacted_records(redactor))
    pin_loggers()
    _handler = handler
    return path


def close_logging() -> int:
    """Close the log file and return how many lines it lost. Does nothing when it is not open."""
    global _handler
    if _handler is None:
        return 0
    handler, _handler = _handler, None
    logging.getLogger().removeHandler(handler)
    logging.getLogger("tradebot").setLevel(logging.NOTSET)
    logging.setLogRecordFactory(logging.LogRecord)
    handler.close()
    return handler.lost_lines


def _redacted_records(redactor: Callable[[str], str]) -> type[logging.LogRecord]:
    """Return records without secrets for every handler, those of a strategy's own code, too."""

    class Redacted(logging.LogRecord):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            if self.exc_info is not None and self.exc_info[1] is not None:
                text = logging.Formatter().formatException(self.exc_info)
                self.exc_text = redactor(text)

        def getMessage(self) -> str:
            return redactor(super().getMessage())

    return Redacted


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the log {path} cannot be written: {error.strerror}",
        "free some space, make the folder writable, or set [paths] logs to another one",
    )


class _LogHandler(RotatingFileHandler):
    """A rotating file of mode 0600 that counts the lines it could not write."""

    def __init__(self, path: Path) -> None:
        self.lost_lines = 0
        super().__init__(
            path, maxBytes=_FILE_SIZE_MAX, backupCount=_OLD_FILES_MAX, encoding="utf-8"
        )

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self.baseFilename, flags, 0o600)
        os.fchmod(handle, 0o600)
        return os.fdopen(handle, "a", encoding="utf-8")

    def write_or_raise(self, record: logging.LogRecord) -> None:
        """Write one line. Raises OSError."""
        assert self.stream is not None
        self.stream.write(self.format(record) + self.terminator)
        self.stream.flush()

    def handleError(self, record: logging.LogRecord) -> None:
        # The base class prints the record to stderr, which would be neither JSON nor redacted.
        self.lost_lines += 1

    def close(self) -> None:
        try:
            super().close()
        except OSError:
            self.lost_lines += 1


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record, tracebacks and all, and redacts the finished line."""

    def __init__(self, redactor: Callable[[str], str], **settings: Any) -> None:
        super().__init__(**settings)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor(super().format(record))


_EventDict = MutableMapping[str, Any]


def _without_leftovers(_logger: object, _method: str, event: _EventDict) -> Mapping[str, Any]:
    # What another handler's formatter left on the record; the text is in `event` already.
    return {key: value for key, value in event.items() if key not in ("message", "asctime")}


def _formatter(mode: str, clock: Clock, redactor: Callable[[str], str]) -> logging.Formatter:
    def stamp(_logger: object, _method: str, event: _EventDict) -> Mapping[str, Any]:
        record: logging.LogRecord = event["_record"]
        head = {
            "at": format_time(clock.now_ms()),
            "level": record.levelname.lower(),
            "mode": mode,
            "logger": record.name,
            "event": event.pop("event", ""),
        }
        return {**head, **{key: value for key, value in event.items() if key not in head}}

    return _RedactingFormatter(
        redactor,
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _without_leftovers],
        processors=[
            stamp,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
    )


# Without a handler the standard library prints warnings to stderr; an unopened log is silent.
logging.getLogger("tradebot").addHandler(logging.NullHandler())
