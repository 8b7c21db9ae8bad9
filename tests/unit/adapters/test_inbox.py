"""The inbox: one file a command, taken in order and once; rubbish is refused by name."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import d
from tradebot.adapters.inbox import LOOK_MAX, REFUSED, SIZE_MAX, Bad, Inbox
from tradebot.model.command import Command, CommandWord

ID, LATER = "1763648909123-4711-0", "1763648909124-42-0"
GOOD: dict[str, Any] = {
    "schema": "tradebot.command/1",
    "id": ID,
    "word": "close",
    "scope": "BTC/USDT",
    "fraction": "0.5",
    "reason": "enough",
}


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "commands")


def put(inbox: Inbox, text: str | bytes, name: str = f"{ID}.json") -> Path:
    """Leave a file, as anybody could."""
    inbox.folder.mkdir(mode=0o700, exist_ok=True)
    path = inbox.folder / name
    path.touch(mode=0o600)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def changed(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def test_command_comes_out_as_it_was_posted(inbox: Inbox) -> None:
    command = Command(
        id=ID, word=CommandWord.CLOSE, scope="BTC/USDT", fraction=d("0.5"), reason="enough"
    )
    inbox.post(command)
    assert inbox.waiting() == [ID]
    assert inbox.peek() == [command]
    assert list(inbox.claimed()) == [command]
    inbox.done(ID)
    assert list(inbox.claimed()) == []
    assert os.listdir(inbox.folder) == []


def test_only_we_can_read_and_write_it(inbox: Inbox) -> None:
    inbox.post(Command(id=ID, word=CommandWord.PAUSE))
    assert stat.S_IMODE(inbox.folder.stat().st_mode) == 0o700
    (path,) = inbox.folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_commands_come_in_the_order_of_their_time_and_those_claimed_before_come_first(
    inbox: Inbox,
) -> None:
    later = Command(id=LATER, word=CommandWord.RESUME)
    inbox.post(later)
    assert next(iter(inbox.claimed())) == later, "and its bot died here"
    inbox.post(Command(id=ID, word=CommandWord.PAUSE))
    assert [getattr(each, "id", "") for each in inbox.claimed()] == [LATER, ID]


def test_what_is_claimed_can_be_taken_back_no_more(inbox: Inbox) -> None:
    inbox.post(Command(id=ID, word=CommandWord.PAUSE))
    inbox.post(Command(id=LATER, word=CommandWord.PAUSE))
    claimed = inbox.claimed()
    next(claimed)
    assert not inbox.take_back(ID)
    assert inbox.take_back(LATER)
    assert list(claimed) == [], "it was there when the look began"
    assert inbox.waiting() == []


def test_only_some_may_be_claimed(inbox: Inbox) -> None:
    inbox.post(Command(id=ID, word=CommandWord.CANCEL))
    inbox.post(Command(id=LATER, word=CommandWord.PAUSE))
    assert [getattr(each, "id", "") for each in inbox.claimed([LATER])] == [LATER]
    assert inbox.waiting() == [ID]


def test_no_folder_is_no_command(inbox: Inbox) -> None:
    assert inbox.waiting() == []
    assert list(inbox.claimed()) == []
    assert not inbox.take_back(ID)
    assert not inbox.folder.exists(), "looking makes nothing"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 3000, "no JSON"),
        ("\x00" * 100, "no JSON"),
        ('{"id": "\xe4"}', "no JSON"),
        ("NaN", "fields"),
        ("[]", "fields"),
        ("null", "fields"),
        ('"pause"', "fields"),
        (json.dumps(GOOD)[:-1] + ', "id": "x"}', "no JSON"),
        (changed(more="rm -rf /"), "fields"),
        (json.dumps({key: GOOD[key] for key in list(GOOD)[:-1]}), "fields"),
        (changed(schema="tradebot.command/2"), "schema"),
        (changed(id=LATER), "its name"),
        (changed(id="../../journal"), "its name"),
        (changed(word="kill"), "word"),
        (changed(word="CLOSE"), "word"),
        (changed(word=7), "no text"),
        (changed(word=["close"]), "no text"),
        (changed(reason=None), "no text"),
        (changed(scope=""), "no market"),
        (changed(scope="BTC/USDT; DROP TABLE events"), "no market"),
        (changed(scope="B" * 101), "no market"),
        (changed(scope="\u0412TC/USDT"), "no market"),
        (changed(reason="a\nb"), "one line"),
        (changed(reason="\x1b[2J"), "one line"),
        (changed(reason="x" * 501), "one line"),
        (changed(fraction="0"), "above 0"),
        (changed(fraction="1.000001"), "above 0"),
        (changed(fraction="1e-3"), "no number"),
        (changed(fraction="-0.5"), "no number"),
        (changed(fraction="NaN"), "no number"),
        (changed(fraction="0.1234567"), "no number"),
        (changed(fraction=0.5), "no number"),
        (changed(fraction=True), "no number"),
        (changed(word="pause"), "all markets"),
        (changed(word="resume", scope=""), "no fraction"),
        (changed(word="cancel"), "no fraction"),
        (changed(reason="x") + " " * SIZE_MAX, "larger than"),
        (changed(reason="x") + " " * (1 << 20), "larger than"),
    ],
)
def test_file_that_is_no_command_is_refused_by_name_and_moved_aside(
    inbox: Inbox, text: str, reason: str
) -> None:
    path = put(inbox, text)
    (bad,) = inbox.claimed()
    assert isinstance(bad, Bad)
    assert bad.name == f"{ID}.taken"
    assert reason in bad.reason
    assert not path.exists()
    assert os.listdir(inbox.folder / REFUSED) == [f"{ID}.taken"]
    assert list(inbox.claimed()) == []


@pytest.mark.parametrize(
    "name",
    [
        "pause",
        "pause.json",
        f"{ID}.json.bak",
        f"{ID}.sh",
        f" {ID}.json",
        "1763648909123-4711.json",
        "٣763648909123-4711-0.json",
        "x" * 200,
        "a\nb.json",
    ],
)
def test_name_that_is_no_command_s_is_refused_unread(inbox: Inbox, name: str) -> None:
    put(inbox, json.dumps(GOOD), name)
    assert list(inbox.claimed()) == [Bad(name, "its name is no command's")]
    assert list(inbox.claimed()) == []


def test_file_that_others_could_have_written_is_refused(inbox: Inbox) -> None:
    put(inbox, json.dumps(GOOD)).chmod(0o666)
    (bad,) = inbox.claimed()
    assert isinstance(bad, Bad)
    assert "permissions 0666" in bad.reason


def test_link_pipe_and_folder_are_refused(inbox: Inbox, tmp_path: Path) -> None:
    elsewhere = tmp_path / "good.json"
    elsewhere.write_text(json.dumps(GOOD))
    inbox.folder.mkdir(mode=0o700)
    (inbox.folder / "1763648909123-4711-1.json").symlink_to(elsewhere)
    os.mkfifo(inbox.folder / "1763648909123-4711-2.json", 0o600)
    (inbox.folder / "1763648909123-4711-3.json").mkdir()
    reasons = [each.reason for each in inbox.claimed() if isinstance(each, Bad)]
    assert ["link" in reasons[0], "regular" in reasons[1], "regular" in reasons[2]] == [True] * 3
    assert elsewhere.exists()
    assert list(inbox.claimed()) == []


def test_folder_that_others_could_write_into_is_not_obeyed_and_told_once(inbox: Inbox) -> None:
    inbox.post(Command(id=ID, word=CommandWord.PAUSE))
    inbox.folder.chmod(0o777)
    (bad,) = inbox.claimed()
    assert isinstance(bad, Bad)
    assert (bad.name, "chmod 700" in bad.reason) == ("commands", True)
    assert list(inbox.claimed()) == []
    inbox.folder.chmod(0o700)
    assert len(list(inbox.claimed())) == 1


def test_folder_that_is_a_link_is_not_followed(inbox: Inbox, tmp_path: Path) -> None:
    other = Inbox(tmp_path / "other")
    other.post(Command(id=ID, word=CommandWord.PAUSE))
    inbox.folder.symlink_to(other.folder)
    (bad,) = inbox.claimed()
    assert isinstance(bad, Bad)
    assert other.waiting() == [ID]


def test_rubbish_that_cannot_be_moved_is_told_once(inbox: Inbox) -> None:
    put(inbox, "{")
    (inbox.folder / REFUSED).write_text("a file in the place of the folder")
    assert len(list(inbox.claimed())) == 1
    assert list(inbox.claimed()) == []


def test_unfinished_file_of_a_death_is_not_looked_at(inbox: Inbox) -> None:
    put(inbox, "{", f".{ID}.json.x7")
    assert inbox.waiting() == []
    assert list(inbox.claimed()) == []


def test_folder_full_of_rubbish_is_read_in_parts(inbox: Inbox) -> None:
    for number in range(LOOK_MAX + 1):
        put(inbox, "{", f"{number}.json")
    assert len(list(inbox.claimed())) == LOOK_MAX
    assert len(list(inbox.claimed())) == 1
