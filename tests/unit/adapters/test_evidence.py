"""A line of evidence is whole, or it is an error."""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradebot.adapters.evidence import append_line, read_lines
from tradebot.errors import JournalError


@pytest.fixture
def _nearly_full() -> Iterator[None]:
    """Let no file grow past 40 bytes: the rest of a write is not taken, and nothing is said."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("_nearly_full")
def test_a_line_that_the_disk_takes_in_part_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, {"at": 1})
    with pytest.raises(JournalError, match=r"lines.jsonl cannot be written: No space left"):
        append_line(path, {"text": "x" * 100})
    assert path.stat().st_size == 40
    assert read_lines(path) == [{"at": 1}]
