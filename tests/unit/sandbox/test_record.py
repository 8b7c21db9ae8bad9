"""A stopped sandbox goes on where it was, as every command is on disk before it acts."""

from pathlib import Path
from random import Random

import pytest

from tests.support.builders import HOUR
from tests.support.sandbox import at, book, request
from tradebot.errors import BooksDisagree, DataError, TradebotError
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import SandboxRejection
from tradebot.sandbox.record import RecordedBook, resume

CANDLES = (
    "100 100/112/95/104 104/108/90/91 - - 97/118/96/117 117/119/88/92 92/101/85/100 "
    "100 80 - 120 100"
)
OPENING = {"USDT": "500", "BTC": "4"}


def fresh() -> Book:
    """Return the same new exchange every time."""
    return book(CANDLES, cash=OPENING, slippage_ppm=500)


def told(made: Book) -> tuple[object, ...]:
    """Return all that can be seen of a book."""
    return (
        made.now, made.free, made.locked, made.orders, list(made.open_orders), made.trades,
        made.by_client_id, made.lists,
    )  # fmt: skip


def script(seed: int, length: int = 40) -> list[tuple[str, int, str, str]]:
    """Return random commands: what, when, and two orders' texts."""
    random = Random(seed)  # noqa: S311  # seeded, and for a game
    kinds = ("market", "limit", "limit_maker", "stop", "stop_limit", "take_profit_limit")
    time, commands = at(1), []
    for _ in range(length):
        time += random.choice((0, 0, HOUR // 3, HOUR))
        side, quantity = random.choice(("buy", "sell")), random.randrange(1, 3000) / 1000
        prices = f"{random.randrange(85, 116)} {random.randrange(85, 116)}"
        what = random.choice(("place", "place", "place", "oco", "cancel"))
        first = f"{side} {quantity:.3f} {random.choice(kinds)} {prices}"
        second = f"sell {quantity:.3f} stop {random.randrange(80, 100)}"
        if what == "oco":
            first = f"sell {quantity:.3f} limit_maker {random.randrange(100, 120)}"
        commands.append((what, time, first, second))
    return commands


def obey(made: Book, number: int, command: tuple[str, int, str, str]) -> None:
    """Give one command; a refusal is part of the game."""
    what, time, first, second = command
    made.advance_to(time)
    try:
        if what == "place":
            made.place(request(first, client_id=f"c{number}"))
        elif what == "oco":
            pair = request(first, client_id=f"u{number}"), request(second, client_id=f"l{number}")
            made.place_oco(*pair, list_client_id=f"o{number}")
        elif made.orders:
            made.cancel(made.orders[1 + number % len(made.orders)])
    except SandboxRejection:
        return


@pytest.mark.parametrize("seed", range(6))
def test_resumed_book_equals_one_never_stopped_at_every_cut(tmp_path: Path, seed: int) -> None:
    commands = script(seed)
    never_stopped = fresh()
    for cut, command in enumerate(commands):
        path = tmp_path / f"{cut}.jsonl"
        before = resume(path, fresh())
        for number, earlier in enumerate(commands[:cut]):
            obey(before, number, earlier)
        before.close()
        after = resume(path, fresh())
        assert type(after) is RecordedBook
        after.advance_to(never_stopped.now)
        assert told(after) == told(never_stopped), (seed, cut)
        for number, later in enumerate(commands[cut:], start=cut):
            obey(after, number, later)
        after.advance_to(at(20))
        after.close()
        obey(never_stopped, cut, command)
    assert any(order.status == "FILLED" for order in never_stopped.orders.values())
    never_stopped.advance_to(at(20))
    assert told(after) == told(never_stopped)


def test_command_is_on_disk_before_the_book_answers(tmp_path: Path) -> None:
    made = resume(tmp_path / "r.jsonl", fresh())
    made.place(request("buy 1 market"))
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    made.close()
    assert len(lines) == 2
    assert '"do":"place"' in lines[1]


def test_refused_command_is_recorded_and_refused_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    made = resume(path, fresh())
    with pytest.raises(SandboxRejection):
        made.place(request("buy 100 market"))
    made.close()
    again = resume(path, fresh())
    again.close()
    assert (again.orders, len(path.read_text().splitlines())) == ({}, 2)


def test_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    made = resume(path, fresh())
    made.place(request("buy 1 market"))
    made.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at":170406720')
    again = resume(path, fresh())
    again.close()
    assert (len(again.orders), path.read_bytes()) == (1, whole)


def test_file_torn_in_its_first_line_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"at":1')
    resume(path, fresh()).close()
    resume(path, fresh()).close()
    assert path.read_bytes().count(b"\n") == 1


def test_record_of_other_candles_or_balances_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    resume(path, fresh()).close()
    for other in (book(CANDLES), book(CANDLES + " 101", cash=OPENING, slippage_ppm=500)):
        with pytest.raises(BooksDisagree, match="another sandbox market or account"):
            resume(path, other)


@pytest.mark.parametrize("line", ['{"at":', "[]", '{"at":1,"do":"place"}', '{"at":99e9,"do":"x"}'])
def test_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    resume(path, fresh()).close()
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    with pytest.raises(DataError, match=r"r\.jsonl line 2: "):
        resume(path, fresh())


def test_record_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(TradebotError, match=r"the sandbox's record .* cannot be used"):
        resume(tmp_path / "missing" / "r.jsonl", fresh())
