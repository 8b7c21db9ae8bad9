"""How much an entry buys: the owner's method, capped by the room that the limits leave."""

from tradebot.engine import valuation
from tradebot.engine.rules.arithmetic import floor_to
from tradebot.engine.rules.costs import affordable_cash
from tradebot.engine.rules.exits import stop_price
from tradebot.engine.rules.limits import room_of_equity
from tradebot.engine.rules.sizes import (
    capped,
    quantity_by_fraction,
    quantity_by_risk,
    scaled,
)
from tradebot.engine.settings import Rules, Sizing
from tradebot.engine.state import State


def entry_quantity(
    state: State, market: str, price: int, exposure_ppm: int, rules: Rules
) -> int:
    """Return how much to buy at `price` (price units), in quantity units; 0 = nothing fits."""
    scale = state.scales[market]
    lot, lot_cash = scale.lot, scale.lot_cash
    total = valuation.equity(state, market)
    if rules.sizing is Sizing.RISK:
        stop = stop_price(price, rules.stop_ppm, scale.tick)
        wanted = quantity_by_risk(total, rules.risk_ppm, price, stop, lot, lot_cash)
    else:
        wanted = quantity_by_fraction(total, rules.fraction_ppm, price, lot, lot_cash)
    held = valuation.position_value(state, market, price) + valuation.reserved(state, market)
    exposed = valuation.positions_value(state) + valuation.reserved(state)
    free = max(0, valuation.cash(state, market) - valuation.reserved(state))
    cap = min(
        room_of_equity(total, rules.position_ppm_max, held),
        room_of_equity(total, rules.exposure_ppm_max, exposed),
        affordable_cash(free, rules.reserve_ppm),
        scale.cash_down(rules.order_notional_max),
    )
    wanted = capped(scaled(wanted, min(exposure_ppm, 1_000_000), lot), cap, price, lot, lot_cash)
    most = state.markets[market].quantity_max
    return wanted if most is None else min(wanted, floor_to(scale.quantity_down(most), lot))
