"""An account's journal goes on when the configuration or the exchange's rules change."""

from dataclasses import replace

import pytest

from tests.support.builders import BTC, ETH, START, d, market, order, position, state_with
from tradebot.engine.apply import apply
from tradebot.errors import ConfigError
from tradebot.model.event import SessionReconfigured
from tradebot.model.market import Market
from tradebot.runtime.config import Config
from tradebot.runtime.terms import reconfigured

BITCOIN, ETHER = market(), market("ETH/USDT")


def config(**strategy: str) -> Config:
    return Config.model_validate({"strategy": strategy} if strategy else {})


def asked(*markets: Market, of: Config, **state: object) -> list[SessionReconfigured]:
    before = state_with(BITCOIN, ETHER, **state)  # type: ignore[arg-type]  # words of the builder
    assert before.started is not None
    same = before._replace(started=replace(before.started, config_hash=config().digest()))
    return reconfigured(of, same, markets, at=START, strategy="vote")  # type: ignore[return-value]  # its only kind


def test_nothing_is_recorded_where_nothing_changed() -> None:
    assert asked(BITCOIN, ETHER, of=config()) == []


def test_other_configuration_is_recorded_and_applied() -> None:
    (event,) = asked(BITCOIN, ETHER, of=config(name="donchian"))
    state = apply(state_with(BITCOIN, ETHER), event)
    assert state.started is not None
    assert state.started.config_hash == config(name="donchian").digest()


def test_new_rules_of_a_market_are_recorded_and_applied() -> None:
    finer = replace(BITCOIN, tick=d("0.1"))
    (event,) = asked(finer, ETHER, of=config())
    state = apply(state_with(BITCOIN, ETHER), event)
    assert state.markets[BTC].tick == d("0.1")
    assert state.scales[BTC].price_decimals == 1


def test_market_that_was_dropped_while_flat_stays_known() -> None:
    (event,) = asked(BITCOIN, of=config(name="donchian"))
    assert set(apply(state_with(BITCOIN, ETHER), event).markets) == {BTC, ETH}


@pytest.mark.parametrize(
    "busy",
    [
        {"positions": {ETH: position("1 @ 10")}},
        {"orders": [order("buy 1 ETH @ 10")]},
    ],
    ids=["position", "order"],
)
def test_market_with_something_out_cannot_be_dropped(busy: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="ETH/USDT is no longer in"):
        asked(BITCOIN, of=config(), **busy)


def test_quote_coin_cannot_change_under_a_journal() -> None:
    with pytest.raises(ConfigError, match="this journal counts in USDT, the markets are in EUR"):
        asked(market("BTC/EUR"), of=config(name="donchian"))
