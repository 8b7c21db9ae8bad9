"""A line of evidence is whole, or it is an error."""

from pathlib import Path

import pytest

from tests.support.disks import full_disk
from tradebot.adapters.evidence import append_line, read_lines
from tradebot.errors import JournalError


def test_a_line_that_the_disk_takes_in_part_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, {"at": 1})
    problem = r"lines.jsonl cannot be written: No space left"
    with full_disk(40), pytest.raises(JournalError, match=problem):
        append_line(path, {"text": "x" * 100})
    assert path.stat().st_size == 40
    assert read_lines(path) == [{"at": 1}]
