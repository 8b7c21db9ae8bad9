"""Every option and argument of every command with what it cannot be: a code and plain words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.support.shell import typed
from tradebot.cli.main import app

HOSTILE = (
    "", "../../../etc/passwd", "/etc/passwd", "..", ".", "~root", "-", "--", "a" * 5000, "a/../b",
    "\x1b[31mred", "\x1b]0;title\x07", "one\nError: two", "\u202egnp.exe", "\x9b2J", "\u200b",
    "[bold]x[/]", "<script>x</script>", "=1+1", "nan", "inf", "-inf", "1e999", "1_0", "-1", "0x10",
    "\uff11\uff12", "9" * 400, "1;2", "'; DROP TABLE events;--", "$(id)", "%s%n", "{0}", "\udcff",
    "BTC/US\nDT", "btc/usdt", "BTC/USDT/X", "BTC/BTC", "\u0411TC/USDT",
)  # fmt: skip
# The exit codes of the guide.
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 78}
# These serve, or trade, whatever this one names, there or not; or write where it says.
LEFT_OUT = {("sandbox serve", None), ("run", "passphrase_file"), ("init", "folder")}


def commands(group: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return every command with its full name."""
    if not hasattr(group, "commands"):
        return [(name, group)]
    return [
        found
        for inner, command in group.commands.items()
        for found in commands(command, f"{name} {inner}".strip())
    ]


def questions() -> list[tuple[str, str]]:
    """Return every command and parameter of it that takes a word, a path or a number."""
    return [
        (name, parameter.name)
        for name, command in commands(typer.main.get_command(app))
        for parameter in command.params
        if not getattr(parameter, "is_flag", False)
        and not {(name, None), (name, parameter.name)} & LEFT_OUT
    ]


def line(name: str, asked: str, value: str) -> list[str]:
    """Return a command line with `value` as this parameter, and as all that must be there."""
    command = dict(commands(typer.main.get_command(app)))[name]
    words = name.split()
    last = []
    for parameter in command.params:
        if parameter.name != asked and not parameter.required:
            continue
        if parameter.param_type_name == "argument":
            last.append(value)
        else:
            words.append(f"{parameter.opts[0]}={value}")
    return [*words, "--", *last] if last else words


def test_every_command_is_asked() -> None:
    asked = {name for name, _ in questions()}
    assert asked >= {"run", "backtest", "report", "close", "keys add", "data import", "why"}
    assert len(questions()) > 60


def check(name: str, asked: str, values: Sequence[str], folder: Path) -> None:
    """Type each value; nothing but words comes of it."""
    for value in values:
        result = typed(*line(name, asked, value), code=None)
        assert result.code in CODES, (value, result)
        printed = result.out + result.err
        hidden = [char for char in printed if not char.isprintable() and char not in "\n\t"]
        assert not hidden, (value, printed)
    # A name is no way out of the project's folder.
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize(("number", "question"), [*enumerate(questions())])
def test_no_value_makes_a_traceback_or_reaches_the_terminal_as_it_is(
    number: int, question: tuple[str, str], folder: Path
) -> None:
    # One at a time, so that each value is tried somewhere.
    check(*question, [HOSTILE[number % len(HOSTILE)]], folder)


@pytest.mark.long
@pytest.mark.parametrize(("number", "question"), [*enumerate(questions())])
def test_no_value_of_eight_makes_a_traceback_or_reaches_the_terminal(
    number: int, question: tuple[str, str], folder: Path
) -> None:
    check(*question, HOSTILE[number % 5 :: 5], folder)
