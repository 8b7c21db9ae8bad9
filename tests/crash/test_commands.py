"""A bot that dies at any step of a command: it is done once, or told as cut off; all is guarded."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.crash.lives import Cradle, Life, Place, place
from tests.crash.points import KILL, first_hits, settled
from tests.crash.scenarios import LIMIT, Scenario
from tradebot.adapters.inbox import Inbox
from tradebot.model.command import Command, CommandWord

# A position and its stop and target, and candles without an opinion: nothing else is traded.
QUIET = ("hold 20000", "long 20000", *["hold 20100"] * 6)
HELD = Scenario("held", target="0.04", rows=QUIET, fates={})
AT_REST = Scenario("at rest", more=LIMIT.more, rows=("hold 20000", *["long 20000"] * 4), fates={})
CLOSE = Command(
    id="1763648909123-1-0",
    word=CommandWord.CLOSE,
    scope="BTC/USDT",
    fraction=Decimal("0.5"),
    reason="a test",
)
PAUSE = Command(id="1763648909124-1-0", word=CommandWord.PAUSE, reason="a test")
CANCEL = Command(id="1763648909125-1-0", word=CommandWord.CANCEL, reason="a test")
COMMANDS = {"close": (CLOSE, HELD), "pause": (PAUSE, HELD), "cancel": (CANCEL, AT_REST)}
# What a command does has these labels; the next one is not its own.
FIRST, LAST = "journal: before command_taken", "journal: after command_ended"


@contextmanager
def commanded(folder: Path, cradle: Cradle, name: str) -> Iterator[tuple[Place, Command]]:
    """Yield a place whose bot died with orders at rest, and a command that waits for the next."""
    command, scenario = COMMANDS[name]
    with place(folder, cradle, scenario) as made:
        made.live(death=("journal: after candles_closed", 3, KILL))
        Inbox(made.journal.parent / "commands").post(command)
        yield made, command


def labels_of(life: Life) -> list[str]:
    """Return each label once from the command's taking to its end."""
    names = [label.partition("+")[0] for label in life.labels]
    return first_hits(life.labels[names.index(FIRST) : names.index(LAST) + 1])


def bodies(path: Path, kind: str) -> list[dict[str, str]]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        query = "SELECT body FROM events WHERE kind = ? ORDER BY seq"
        return [json.loads(body) for (body,) in db.execute(query, (kind,))]


def sold_by_hand(made: Place) -> list[str]:
    intended = bodies(made.journal, "order_intended")
    return [each["quantity"] for each in intended if each["leg"] == "flatten"]


@pytest.fixture(scope="module")
def labels(cradle: Cradle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the labels of each command's own steps."""
    found = {}
    for name in COMMANDS:
        with commanded(tmp_path_factory.mktemp(name) / "place", cradle, name) as (made, command):
            found[name] = labels_of(made.live())
            assert settled(made, made.live()) == []
            (end,) = bodies(made.journal, "command_ended")
            assert (end["command_id"], end["end"]) == (command.id, "done"), end
    return found


def test_labels_come_past_all_that_a_command_does(labels: dict[str, list[str]]) -> None:
    assert {
        "journal: before signal_spent",
        "cancel stop: before the wire",
        "place flatten: before the wire",
        "oco: before the wire",
    } <= set(labels["close"])
    assert "journal: before command_taken+trading_state_changed" in labels["pause"]
    assert "cancel entry: before the wire" in labels["cancel"]


def _died(
    name: str, labels: dict[str, list[str]], cradle: Cradle, folder: Path
) -> Iterator[tuple[str, Place]]:
    """Yield each label with its place, after the death there and a life to the end."""
    for number, label in enumerate(labels[name]):
        with commanded(folder / str(number), cradle, name) as (made, command):
            life = made.live(death=(label, 1, KILL))
            assert life.code in (0, -KILL), life.err
            faults = settled(made, made.live())
            assert faults == [], f"{label}: {faults}"
            taken = [each["command_id"] for each in bodies(made.journal, "command_taken")]
            ended = [each["command_id"] for each in bodies(made.journal, "command_ended")]
            assert taken == ended == [command.id], label
            yield label, made


def _end(made: Place) -> str:
    (end,) = bodies(made.journal, "command_ended")
    return end["end"]


@pytest.mark.long
def test_half_is_sold_once_or_not_and_what_is_left_has_its_stop(
    labels: dict[str, list[str]], cradle: Cradle, folder: Path
) -> None:
    ends = {}
    for label, made in _died("close", labels, cradle, folder):
        sold = sold_by_hand(made)
        assert len(sold) <= 1, label
        ends[label] = _end(made)
        if ends[label] == "done":
            assert len(sold) == 1, label
        if "flatten: answered" in label:
            assert len(sold) == 1, label
    assert ends[FIRST] == "done", "it was not taken, and so the next bot does it"
    assert ends["place flatten: before the wire"] == "interrupted"
    assert ends[LAST] == "done"


@pytest.mark.long
def test_pause_is_there_as_soon_as_it_is_taken(
    labels: dict[str, list[str]], cradle: Cradle, folder: Path
) -> None:
    for label, made in _died("pause", labels, cradle, folder):
        (changed,) = bodies(made.journal, "trading_state_changed")
        assert changed["state"] == "reducing", label


@pytest.mark.long
def test_entry_that_was_cancelled_stays_so(
    labels: dict[str, list[str]], cradle: Cradle, folder: Path
) -> None:
    for label, made in _died("cancel", labels, cradle, folder):
        if "cancel entry" in label:
            assert len(bodies(made.journal, "signal_spent")) == 1, label
