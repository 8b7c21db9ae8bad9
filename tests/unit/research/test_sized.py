"""The arithmetic of a size, again: as the engine wrote it, or where it does not come out."""

from typing import Any

import pytest

from tests.support.builders import BTC, HOUR, START, candle, d, market, rules, state_with
from tradebot.engine.settings import Sizing
from tradebot.engine.sizing import entry_size
from tradebot.model.market import scales
from tradebot.model.money import plain
from tradebot.research.sized import Line, size_lines

MARKET = market()
SCALE = scales([MARKET])[BTC]
STOPPED = {"sizing": Sizing.RISK, "risk_ppm": 10_000, "stop_ppm": 20_000}
RANGED = {"sizing": Sizing.VOLATILITY, "risk_ppm": 10_000, "range_multiple_ppm": 2_000_000}


def sized(ppm: int = 1_000_000, mean_range: int = 2, **by: Any) -> dict[str, str]:
    """Return what the engine writes of a size at a price of 100, with 1000 USDT."""
    made = candle("100", closed_at=START + HOUR)._replace(mean_range=mean_range)
    return entry_size(state_with(), BTC, made, 100, ppm, rules(**by)).size


def lines(size: dict[str, str]) -> list[Line]:
    """Return the arithmetic of a size whose order is of its quantity."""
    return list(size_lines(size, MARKET, SCALE, d(size["quantity"])))


def shown(size: dict[str, str]) -> list[str]:
    """Return the arithmetic in words: `wanted 5 BTC`."""
    return [f"{each.name} {plain(each.result)} {each.unit}" for each in lines(size)]


def test_risk_is_followed_from_equity_to_quantity() -> None:
    size = sized(**STOPPED, position_ppm_max=200_000)
    assert shown(size) == [
        "equity 1000 USDT",
        "price 100 USDT",
        "at risk 10 USDT",
        "distance 2 USDT",
        "wanted 5 BTC",
        "asked 5 BTC",
        "room 2 BTC",
        "quantity 2 BTC",
    ]
    assert lines(size)[-2].how == "position_fraction_max leaves no more"


def test_fraction_is_followed_with_half_an_exposure() -> None:
    assert shown(sized(500_000, fraction_ppm=500_000)) == [
        "equity 1000 USDT",
        "price 100 USDT",
        "to spend 500 USDT",
        "wanted 5 BTC",
        "asked 2.5 BTC",
        "room 10 BTC",
        "quantity 2.5 BTC",
    ]


def test_volatility_is_followed_by_its_range() -> None:
    assert shown(sized(**RANGED))[2:5] == ["at risk 10 USDT", "distance 4 USDT", "wanted 2.5 BTC"]
    assert shown(sized(mean_range=0, **RANGED))[3:5] == ["distance 0 USDT", "wanted 0 BTC"]


@pytest.mark.parametrize("by", [STOPPED, RANGED, {"fraction_ppm": 333_333}])
@pytest.mark.parametrize("ppm", [1_000_000, 123_456, 1])
def test_what_the_engine_wrote_comes_out_again(by: dict[str, Any], ppm: int) -> None:
    found = lines(sized(ppm, mean_range=3, **by))
    assert found
    assert [each.fault for each in found] == [""] * len(found)


def test_line_that_does_not_come_out_says_what_the_journal_has() -> None:
    size = {**sized(**STOPPED), "wanted": "4"}
    assert [each.fault for each in lines(size) if each.fault] == ["the journal has 4"]
    (*_, quantity) = size_lines(sized(**STOPPED), MARKET, SCALE, d(7))
    assert quantity.fault == "the order has 7"


@pytest.mark.parametrize(
    "size",
    [
        {},
        {"equity": "1000"},
        {**sized(**STOPPED), "method": "by feeling"},
        {key: text for key, text in sized(**STOPPED).items() if key != "stop"},
    ],
)
def test_journal_without_that_arithmetic_has_no_line(size: dict[str, str]) -> None:
    assert size_lines(size, MARKET, SCALE, d(5)) == ()
