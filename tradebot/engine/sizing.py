"""How much an entry buys: the owner's method, capped by the room that the limits leave."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tradebot.engine import valuation
from tradebot.engine.controls.amounts import nearest_stop
from tradebot.engine.controls.holdings import cluster_used
from tradebot.engine.rules.arithmetic import PPM, floor_to, portion_up
from tradebot.engine.rules.costs import affordable_cash
from tradebot.engine.rules.exits import stop_price
from tradebot.engine.rules.limits import room_of_equity
from tradebot.engine.rules.sizes import (
    quantity_by_fraction,
    quantity_by_risk,
    quantity_for_cash,
    scaled,
)
from tradebot.engine.settings import Rules, Sizing
from tradebot.engine.state import State
from tradebot.model.market import Candle, Scale
from tradebot.model.money import from_units, plain


@dataclass(frozen=True, slots=True)
class Sized:
    """A quantity in quantity units, and how it came about, in decimals and words."""

    quantity: int
    size: dict[str, str]


def entry_size(
    state: State, market: str, candle: Candle, price: int, exposure_ppm: int, rules: Rules
) -> Sized:
    """Return how much to buy at `price` (price units); a quantity of 0 = nothing fits."""
    scale = state.scales[market]
    total = valuation.equity(state, market)
    wanted, by = _wanted(total, candle, price, scale, rules)
    part = min(exposure_ppm, PPM)
    asked = scaled(wanted, part, scale.lot)
    caps = _caps(state, market, price, total, rules)
    name = min(caps, key=caps.__getitem__)
    quantity = min(asked, caps[name])
    cash, whole = _written(scale.cash_decimal), _written(scale.quantity_decimal)
    size = {
        "equity": cash(total),
        **by,
        "wanted": whole(wanted),
        "exposure": plain(_fraction(part)),
        "capped_by": name if quantity < asked else "",
        "room": whole(caps[name]),
        "quantity": whole(quantity),
    }
    return Sized(quantity, size)


def _wanted(
    total: int, candle: Candle, price: int, scale: Scale, rules: Rules
) -> tuple[int, dict[str, str]]:
    """Return the quantity that the owner's method asks for, and what it follows from."""
    lot, lot_cash = scale.lot, scale.lot_cash
    by = {"method": rules.sizing.value, "price": plain(scale.price_decimal(price))}
    if rules.sizing is Sizing.FRACTION:
        wanted = quantity_by_fraction(total, rules.fraction_ppm, price, lot, lot_cash)
        return wanted, {**by, "fraction": plain(_fraction(rules.fraction_ppm))}
    risk = {"risk_fraction": plain(_fraction(rules.risk_ppm))}
    if rules.sizing is Sizing.RISK:
        stop = stop_price(price, rules.stop_ppm, scale.tick)
        risk["stop"] = plain(scale.price_decimal(stop))
    else:
        # No range, no distance, no size: a quantity of 0 is refused, and nothing is guessed.
        stop = max(0, price - portion_up(candle.mean_range, rules.range_multiple_ppm))
        risk["mean_range"] = plain(scale.price_decimal(candle.mean_range))
        risk["range_multiple"] = plain(_fraction(rules.range_multiple_ppm))
    wanted = quantity_by_risk(total, rules.risk_ppm, price, stop, lot, lot_cash)
    return wanted, {**by, **risk}


def _caps(state: State, market: str, price: int, total: int, rules: Rules) -> dict[str, int]:
    """Return the most that each limit lets an entry buy, in quantity units, by control."""
    scale = state.scales[market]
    lot, lot_cash = scale.lot, scale.lot_cash
    held = valuation.position_value(state, market, price) + valuation.reserved(state, market)
    reserved = valuation.reserved(state)
    exposed = valuation.positions_value(state) + reserved
    free = max(0, valuation.cash(state, market) - reserved)
    rooms = {
        "position_fraction_max": room_of_equity(total, rules.position_ppm_max, held),
        "exposure_fraction_max": room_of_equity(total, rules.exposure_ppm_max, exposed),
        "balance": affordable_cash(free, rules.reserve_ppm),
        "order_notional_max": scale.cash_down(rules.order_notional_max),
    }
    if rules.is_staged:
        rooms["stage_cash"] = max(0, scale.cash_down(state.stage.cash) - exposed)
    for cluster in rules.clusters:
        if market in cluster:
            used = cluster_used(state, cluster)
            room = room_of_equity(total, rules.cluster_ppm_max, used)
            rooms["cluster_fraction_max"] = min(room, rooms.get("cluster_fraction_max", room))
    caps = {
        control: quantity_for_cash(room, price, lot, lot_cash) for control, room in rooms.items()
    }
    distance_ppm = nearest_stop(rules)
    # Without a stop all of it is at risk.
    stop = stop_price(price, distance_ppm, scale.tick) if distance_ppm else 0
    if stop < price:
        caps["risk_fraction_max"] = quantity_by_risk(
            max(0, total), rules.risk_ppm_max, price, stop, lot, lot_cash
        )
    most = state.markets[market].quantity_max
    if most is not None:
        caps["quantity_max"] = floor_to(scale.quantity_down(most), lot)
    return caps


def _fraction(ppm: int) -> Decimal:
    return from_units(ppm, 6)


def _written(to_decimal: Callable[[int], Decimal]) -> Callable[[int], str]:
    return lambda units: plain(to_decimal(units))
