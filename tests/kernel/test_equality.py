"""Compiled loop and Session: the same fills, balances, trips and report, to the last unit."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.engines import differences, seeded_case
from tests.support.shared_data import ALL_FILES, candle_file
from tests.support.worlds import Case, case, changed, gappy_case, random_case
from tradebot.adapters.candle_files import read_candles
from tradebot.research.kernel import fills, gate, loop, orders
from tradebot.research.kernel.layout import Halt, Why
from tradebot.research.kernel.simulate import WHY_GIVEN_UP, NotSimulated

QUICK, MANY = 40, 300


@pytest.fixture(scope="session")
def machine_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the loop is compiled to, once for all tests of this process."""
    return tmp_path_factory.mktemp("kernel")


def test_its_text_in_plain_python_equals_the_session() -> None:
    wrong, left = compared(range(QUICK))
    assert wrong == {}
    assert set(left.values()) <= {WHY_GIVEN_UP[Halt.PACE_OF_EXITS]}
    assert len(left) < QUICK / 5


@pytest.mark.parametrize("seed", range(6))
def test_waits_in_gaps_are_equal(seed: int) -> None:
    assert differences(gappy_case(seed, 600), plain=True) == []


@pytest.mark.parametrize("seed", range(6))
def test_prices_that_jump_are_equal(seed: int) -> None:
    assert differences(jumping_case(seed), plain=True) == []


def jumping_case(seed: int) -> Case:
    """Return a market that opens higher than it closed, and a narrow collar on prices."""
    collar = {"risk": {"price_collar_fraction": Decimal("0.0005")}}
    given = changed(random_case(seed, 250), collar)
    tables = tuple(replace(table, open=table.high) for table in given.tables)
    return replace(given, tables=tables)


@pytest.mark.long
def test_compiled_it_equals_the_session(machine_code: Path) -> None:
    wrong, left = compared(range(1000, 1000 + MANY), cache=machine_code)
    assert wrong == {}
    assert len(left) < MANY / 5


def compared(
    seeds: Iterable[int], cache: Path | None = None
) -> tuple[dict[int, list[str]], dict[int, str]]:
    """Return what differs, and what was left to the Session, by seed; compiled with a `cache`."""
    wrong, left = {}, {}
    for seed in seeds:
        try:
            found = differences(seeded_case(seed, 250), plain=cache is None, cache=cache)
        except NotSimulated as unknown:
            left[seed] = unknown.reason
            continue
        if found:
            wrong[seed] = found
    return wrong, left


def real_case(name: str, strategy: str, values: dict[str, dict[str, Any]]) -> Case:
    """Return a case over a whole file of real candles."""
    table = read_candles(candle_file(name))
    return case([table], {"strategy": {"name": strategy}, **values})


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["ema_cross", "vote", "rsi_reversion"])
@pytest.mark.parametrize("name", ALL_FILES)
def test_on_real_candles_it_equals_the_session(
    name: str, strategy: str, machine_code: Path
) -> None:
    given = real_case(name, strategy, {"exits": {"trailing_fraction": "0.03"}})
    assert differences(given, plain=False, cache=machine_code) == []


def _target_first(*args: Any) -> None:
    book, account, terms, told, opened_at, closed_at, _opened, high, low = args
    del terms, opened_at, low
    if book.rests_target and high > book.rests_target:
        sale = (book.rests_target, book.maker_ppm, Why.TARGET, closed_at)
        fills.sold(book, account, told, closed_at, *sale)


BREAKS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "a target without its stop": (loop, "meet", _target_first),
    "no pause after a stop": (gate, "_pause", lambda *args: 0),
    "a trip that keeps nothing out": (gate, "trip_now", lambda *args: 0),
    "no fee": (fills, "fee", lambda amount, ppm: 0),
    "no slippage": (fills, "buy_price", lambda price, slippage_ppm, tick: price),
    "an order is no message": (orders, "message", lambda account, at: None),
    "the stop never rises": (loop, "raise_stop", lambda *args: None),
    "what is bought has no guard": (orders, "guard", lambda *args: None),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_planted_break_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, broken = BREAKS[name]
    monkeypatch.setattr(module, function, broken)
    assert any(compared([seed])[0] for seed in range(200))


def test_collar_is_seen_where_prices_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "is_off_price", lambda book, terms: False)
    assert any(differences(jumping_case(seed), plain=True) for seed in range(6))
