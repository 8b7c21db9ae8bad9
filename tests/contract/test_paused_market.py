"""A market that the exchange has paused or delisted, while something is held there."""

import pytest

from tests.contract.test_sandbox_faults import Place
from tests.support.builders import (
    BTC,
    HOUR,
    candle,
    market,
    position,
    rules,
    state_with,
    stop_order,
)
from tests.support.sandbox import at
from tradebot.engine.closing import close_out
from tradebot.engine.decide import decide
from tradebot.engine.protect import sell_out
from tradebot.errors import ConfigError

DELIST = '[[script]]\nfault = "delist"\nsymbol = "BTC/USDT"\nat = "1s"\n'
SYMBOL = "BTC/USDT"
OTHERS = {"ETH/USDT": "10 " * 30}


@pytest.mark.parametrize("more", ["", 'how = "absent"\n'], ids=["paused", "delisted"])
def test_market_in_which_something_is_held_keeps_its_rules(more: str) -> None:
    """Symptom: the bot did not start any more, and no other position had its bot."""
    place = Place(DELIST + more, others=OTHERS)
    try:
        known = place.reader.markets([SYMBOL], HOUR)[SYMBOL]
        assert known.is_trading
        place.server.advance_to(at(3))
        place.client.call("load_markets", True)
        (kept,) = place.reader.markets([SYMBOL], HOUR, kept={SYMBOL: known}).values()
        assert not kept.is_trading
        assert (kept.tick, kept.step) == (known.tick, known.step)
        with pytest.raises(ConfigError, match=SYMBOL):
            place.reader.markets([SYMBOL], HOUR)
    finally:
        place.close()


def test_candles_of_a_delisted_market_are_none_and_fail_no_other() -> None:
    place = Place(DELIST + 'how = "absent"\n', others=OTHERS)
    try:
        wanted = {SYMBOL: 3, "ETH/USDT": 3}
        assert list(place.reader.candles(wanted, HOUR, now_ms=at(2))) == list(wanted)
        place.server.advance_to(at(3))
        assert list(place.reader.candles(wanted, HOUR, now_ms=at(3))) == ["ETH/USDT"]
    finally:
        place.close()


def test_stop_stays_where_its_position_could_not_be_sold() -> None:
    """Symptom: the stop was cancelled first, and the sale then refused."""
    stop = stop_order("sell 2 BTC @ 90")
    for is_trading in (True, False):
        state = state_with(
            market(is_trading=is_trading),
            positions={BTC: position("2 @ 100", stop="90")},
            orders=[stop],
            closes={BTC: "100"},
        )
        by, now = rules(stop_ppm=100_000), stop.closed_at
        exits = (
            decide(state, BTC, candle("100"), 0, by),
            sell_out(state, BTC, by, time=now, reason="late"),
            close_out(state, BTC, by, time=now, reason="by hand"),
        )
        assert all(exits) is is_trading
        assert any(exits) is is_trading
