"""Hold the documents and the golden file to the event kinds of the code."""

import json

from tests.tidy.event_tables import FILE, MARK, tables
from tests.tidy.rule import ROOT
from tradebot.model.event import KINDS

GOLDEN = ROOT / "tests" / "golden" / "events.jsonl"


def test_the_table_of_event_kinds_is_the_code() -> None:
    made = FILE.read_text(encoding="utf-8").partition(MARK)[2]
    assert made == tables(), "write it anew: python -m tests.tidy.event_tables"


def test_every_event_kind_has_a_golden_event() -> None:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    golden = {json.loads(line)["kind"] for line in lines if line}
    assert golden >= KINDS.keys(), f"add one of each to {GOLDEN.name}: {KINDS.keys() - golden}"
    assert golden <= KINDS.keys(), f"journals hold these, so decode them: {golden - KINDS.keys()}"


def test_every_event_kind_says_what_happened() -> None:
    for kind, row in zip(KINDS, tables().splitlines()[3:], strict=False):
        name, meaning = row.split("|")[1:3]
        assert name.strip() == f"`{kind}`"
        assert meaning.strip().endswith("."), f"{kind} needs a docstring: {row}"
