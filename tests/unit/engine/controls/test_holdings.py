"""What all that is held may come to, asked of the control itself."""

import pytest

from tests.support.builders import intent, market, order, rules, state_with
from tradebot.engine.controls.holdings import check_holdings
from tradebot.engine.rules.costs import notional
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.order import OrderStatus, Refused

TWO = (market(), market("ETH/USDT"))


@pytest.mark.parametrize(
    "status",
    [OrderStatus.INTENDED, OrderStatus.SENT, OrderStatus.ACCEPTED, OrderStatus.UNKNOWN],
)
def test_unsettled_entries_count_as_filled_in_every_limit(status: OrderStatus) -> None:
    pending = order("buy 3 BTC @ 100", status=status)
    state = state_with(*TWO, orders=[pending])
    cases = [
        ("buy 2 BTC @ 100", "buy 2.001 BTC @ 100", rules(position_ppm_max=500_000)),
        ("buy 20 ETH @ 10", "buy 20.001 ETH @ 10", rules(exposure_ppm_max=500_000)),
        ("buy 70 ETH @ 10", "buy 70.001 ETH @ 10", rules()),
    ]
    controls = []
    for passes, fails, by in cases:
        # Asked on its own: beside an order in doubt no entry of its market comes so far.
        assert _held_back(state, passes, by) is None
        refused = _held_back(state, fails, by)
        assert refused is not None
        controls.append(refused.control)
    assert controls == ["position_fraction_max", "exposure_fraction_max", "exposure_fraction_max"]


def _held_back(state: State, text: str, by: Rules) -> Refused | None:
    wanted = intent(text)
    scale = state.scales[wanted.market]
    price = scale.price(wanted.reference_price)
    worth = notional(price, scale.quantity(wanted.quantity), scale.lot, scale.lot_cash)
    return check_holdings(state, wanted, by, worth, price)
