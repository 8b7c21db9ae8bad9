"""How a candle fills an order: price, moment, and whether as a maker."""

import pytest

from tests.support.builders import HOUR, START, candle
from tradebot.engine.fills import Filled, limit_fill, stop_fill
from tradebot.model.order import Side

OPEN, CLOSE = START, START + HOUR


@pytest.mark.parametrize(
    ("side", "stop", "text", "expected"),
    [
        (Side.SELL, 95, "100/101/96/97", None),
        (Side.SELL, 95, "100/101/95/97", Filled(95, CLOSE, False)),
        (Side.SELL, 95, "95/101/90/97", Filled(95, OPEN, False)),
        (Side.SELL, 95, "90/101/85/97", Filled(90, OPEN, False)),
        (Side.BUY, 105, "100/104/99/101", None),
        (Side.BUY, 105, "100/105/99/101", Filled(105, CLOSE, False)),
        (Side.BUY, 105, "105/106/99/101", Filled(105, OPEN, False)),
        (Side.BUY, 105, "110/111/99/101", Filled(110, OPEN, False)),
    ],
)
def test_stop_fills_as_a_taker_at_the_open_in_a_gap_and_else_at_the_close(
    side: Side, stop: int, text: str, expected: Filled | None
) -> None:
    assert stop_fill(side, stop, candle(text), slippage_ppm=0, tick=1) == expected


def test_stop_pays_slippage_to_the_tick() -> None:
    assert stop_fill(Side.SELL, 95, candle("100/100/90/90"), slippage_ppm=1000, tick=5) == Filled(
        90, CLOSE, False
    )


@pytest.mark.parametrize(
    ("side", "limit", "text", "expected"),
    [
        (Side.SELL, 105, "100/105/99/101", None),  # a touch fills nothing
        (Side.SELL, 105, "100/106/99/101", Filled(105, CLOSE, True)),
        (Side.SELL, 105, "110/111/109/110", Filled(105, CLOSE, True)),  # never better than asked
        (Side.BUY, 95, "100/101/95/97", None),
        (Side.BUY, 95, "100/101/94/97", Filled(95, CLOSE, True)),
    ],
)
def test_limit_fills_as_a_maker_at_its_price_at_the_close(
    side: Side, limit: int, text: str, expected: Filled | None
) -> None:
    assert limit_fill(side, limit, candle(text)) == expected
