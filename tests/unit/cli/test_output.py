"""What is printed only shows text: no terminal obeys it, and no spreadsheet calculates with it."""

import json
from decimal import Decimal

import pytest
from rich.console import Console

from tests.support.terminals import Terminal
from tradebot.cli import output
from tradebot.cli.output import defused, emit, note, table, to_json, visible

# What a hostile text would have a terminal do, and how it is shown.
HOSTILE = {
    "colour": ("\x1b[31mred", r"\u001b[31mred"),
    "title": ("\x1b]0;title\x07", r"\u001b]0;title\u0007"),
    "link": ("\x1b]8;;https://evil\x1b\\", r"\u001b]8;;https://evil\u001b" + "\\"),
    "8-bit": ("\x9b2J", r"\u009b2J"),
    "bell": ("\x07", r"\u0007"),
    "overwriting": ("Error\rFine ", r"Error\u000dFine "),
    "backspace": ("no\b\byes", r"no\u0008\u0008yes"),
    "delete": ("\x7f", r"\u007f"),
    "right to left": ("\u202egnp.exe", r"\u202egnp.exe"),
    "isolate": ("\u2066x\u2069", r"\u2066x\u2069"),
    "zero width": ("BTC\u200b/USDT", r"BTC\u200b/USDT"),
    "own line end": ("a\u2028b", r"a\u2028b"),
    "half": ("\ud83d", r"\ud83d"),
    "tag": ("\U000e0041", r"\udb40\udc41"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_seen_is_written_out(name: str) -> None:
    text, shown = HOSTILE[name]
    assert visible(f"one\n\ttwo {text} 3 €−é") == f"one\n\ttwo {shown} 3 €−é"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_way_out_lets_it_through(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = HOSTILE[name]
    emit({}, f"text {text}", as_json=False)
    emit({"text": text, text: 1}, "", as_json=True)
    emit({}, table([[text, 1]], ["TEXT", "N>"]), as_json=False)
    note(f"note {text}")
    printed = capsys.readouterr()
    for char in set(text) - set("\n\t"):
        is_plain = char.isprintable()
        assert is_plain or char not in printed.out + printed.err, repr(char)


@pytest.mark.parametrize("name", HOSTILE)
def test_json_says_the_same_text(name: str) -> None:
    text, _ = HOSTILE[name]
    line = to_json({"text": text, "amount": Decimal("0.1")})
    assert json.loads(line) == {"text": text, "amount": "0.1"}
    assert "\n" not in line


def test_markup_is_text_in_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    terminal = Terminal()
    rows = [["[bold red]BTC[/]", "[link=https://evil]x[/link]", "\x1b[31m"]]
    Console(file=terminal, width=120).print(table(rows, ["A", "B", "C"]))
    shown = terminal.getvalue()
    assert "[bold red]BTC[/]" in shown
    assert "[link=https://evil]x[/link]" in shown
    assert r"\u001b[31m" in shown


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "+1+1", "-2+3", "+cmd|x", "-A1", "\t=1", "\r=1",
     "--5", "+-5", "-1,2;3", "- 5"],
)  # fmt: skip
def test_formula_is_behind_a_quote(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    ["-18.92", "+37.71", "+37.71 USDT", "-0.19 %", "+1,000.5", "-", "+", "", "0.1", "BTC/USDT",
     "tb0d6e40-0b87", "2025-01-01", "a=b", "-1E", "'quoted"],
)  # fmt: skip
def test_number_and_plain_text_stay_as_they_are(cell: str) -> None:
    assert defused(cell) == cell


def test_table_off_a_terminal_carries_no_formula() -> None:
    text = table([["=1+1", Decimal("-5.20"), None]], ["A", "B>", "C"])
    assert text == "A\tB\tC\n'=1+1\t-5.2\t"
