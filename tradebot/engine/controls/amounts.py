"""What one order may be: its numbers, its size, its stop, and whether it can be sold again."""

from decimal import Decimal

from tradebot.engine.controls.refusal import refused
from tradebot.engine.rules.arithmetic import PPM, portion, portion_up
from tradebot.engine.rules.costs import kept, notional
from tradebot.engine.rules.exits import is_stop_clear, stop_price
from tradebot.engine.rules.limits import risked
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.valuation import equity
from tradebot.model.market import FeeAsset
from tradebot.model.money import MONEY_CONTEXT, from_units, plain
from tradebot.model.order import Intent, OrderKind, Refused

RAISE_SIZE = "raise [sizing] or drop the market"


def check_numbers(intent: Intent) -> Refused | None:
    """Refuse what is no number, or a price or quantity that is none: NaN compares as no limit."""
    prices = (intent.price, intent.stop_price, intent.reference_price)
    for number in (intent.quantity, *(each for each in prices if each is not None)):
        if not isinstance(number, Decimal) or not number.is_finite() or number < 0:
            return refused(intent, "invalid_number", 0, 0, f"{number!r} is no amount")
    if any(each is not None and each == 0 for each in prices):
        return refused(intent, "invalid_number", 0, 0, "a price is 0")
    return None


def check_quantity(state: State, intent: Intent) -> Refused | None:
    """Refuse a quantity that the exchange does not take."""
    market = state.markets[intent.market]
    if intent.quantity < market.quantity_min or intent.quantity <= 0:
        return refused(
            intent,
            "quantity_min",
            market.quantity_min,
            intent.quantity,
            f"order of {plain(intent.quantity)} is below the exchange minimum "
            f"{plain(market.quantity_min)}; {RAISE_SIZE}",
        )
    if market.quantity_max is not None and intent.quantity > market.quantity_max:
        return refused(
            intent,
            "quantity_max",
            market.quantity_max,
            intent.quantity,
            f"order of {plain(intent.quantity)} is above the exchange maximum "
            f"{plain(market.quantity_max)}",
        )
    return None


def check_notional(state: State, intent: Intent, rules: Rules, worth: int) -> Refused | None:
    """Refuse an entry worth more than one order may be."""
    scale = state.scales[intent.market]
    if worth <= scale.cash_down(rules.order_notional_max):
        return None
    value = scale.cash_decimal(worth)
    return refused(
        intent,
        "order_notional_max",
        rules.order_notional_max,
        value,
        f"order worth {plain(value)} is above the limit {plain(rules.order_notional_max)}",
    )


def check_stop(state: State, intent: Intent, rules: Rules, price: int) -> Refused | None:
    """Refuse an entry whose stop would lie at the market: the tick is too coarse for it."""
    scale = state.scales[intent.market]
    distance_ppm = nearest_stop(rules)
    stop = stop_price(price, distance_ppm, scale.tick)
    if not distance_ppm or is_stop_clear(price, stop, scale.tick):
        return None
    limit, value = scale.price_decimal(2 * scale.tick), scale.price_decimal(price - stop)
    return refused(
        intent,
        "stop_distance_min",
        limit,
        value,
        f"the stop would lie {plain(value)} under the price, less than two ticks, {plain(limit)}; "
        "raise [exits] stop_fraction or drop the market",
    )


def nearest_stop(rules: Rules) -> int:
    """Return the distance of the stop that will rest, in ppm: the nearer one; 0 = none."""
    return min((each for each in (rules.stop_ppm, rules.trailing_ppm) if each), default=0)


def check_reward(intent: Intent, rules: Rules) -> Refused | None:
    """Refuse an entry whose target is too near for what its stop may cost."""
    distance_ppm = nearest_stop(rules)
    if not (distance_ppm and rules.target_ppm and rules.reward_ppm_min):
        return None
    if rules.target_ppm * PPM >= distance_ppm * rules.reward_ppm_min:
        return None
    value = from_units(rules.target_ppm * PPM // distance_ppm, 6)
    limit = from_units(rules.reward_ppm_min, 6)
    return refused(
        intent,
        "reward_to_risk_min",
        limit,
        value,
        f"its target is {plain(value)} times as far as its stop, at least {plain(limit)} is asked",
    )


def check_risk(
    state: State, intent: Intent, rules: Rules, worth: int, price: int
) -> Refused | None:
    """Refuse an entry that loses too much of equity at its stop; without one it may lose all."""
    scale = state.scales[intent.market]
    distance_ppm = nearest_stop(rules)
    stop = stop_price(price, distance_ppm, scale.tick) if distance_ppm else 0
    risk = risked(worth, price, stop)
    limit = portion(max(0, equity(state, intent.market)), rules.risk_ppm_max)
    if risk <= limit:
        return None
    bound, value = scale.cash_decimal(limit), scale.cash_decimal(risk)
    return refused(
        intent,
        "risk_fraction_max",
        bound,
        value,
        f"{plain(value)} would be lost at its stop, above the limit {plain(bound)}"
        if stop
        else f"it has no stop: all of {plain(value)} is at risk, above the limit {plain(bound)}",
    )


def check_sellable(state: State, intent: Intent, rules: Rules, price: int) -> Refused | None:
    """Refuse what could be bought but not sold again: whole lots after the fee, at the stop."""
    scale, market = state.scales[intent.market], state.markets[intent.market]
    quantity = scale.quantity(intent.quantity)
    # A limit entry pays the one or the other fee: where it rests, or where it crosses.
    is_limit = intent.kind is OrderKind.LIMIT
    fee_ppm = max(market.taker_ppm, market.maker_ppm) if is_limit else market.taker_ppm
    base_fee_ppm = fee_ppm if market.fee_asset is FeeAsset.RECEIVED else 0
    left = kept(quantity, base_fee_ppm, scale.lot)
    if left == 0 or left < scale.quantity(market.quantity_min):
        rest = scale.quantity_decimal(left)
        return refused(
            intent,
            "quantity_min",
            market.quantity_min,
            rest,
            f"order of {plain(intent.quantity)} leaves {plain(rest)} to sell after its fee, below "
            f"the exchange minimum {plain(market.quantity_min)}; {RAISE_SIZE}",
        )
    left_worth = notional(price, left, scale.lot, scale.lot_cash)
    if left_worth - portion_up(left_worth, rules.stop_ppm) < scale.cash_down(market.notional_min):
        value = scale.cash_decimal(notional(price, quantity, scale.lot, scale.lot_cash))
        return refused(
            intent,
            "notional_min",
            market.notional_min,
            value,
            f"order worth {plain(value)} could not be sold at its stop: the exchange minimum is "
            f"{plain(market.notional_min)}; {RAISE_SIZE}",
        )
    return None


def check_price(
    intent: Intent, price: Decimal | None, rules: Rules
) -> Refused | None:
    """Refuse an entry whose market is not at the price that it was sized at, or at none.

    `price` is the exchange's last one, asked for at this moment; None = it did not answer. An entry
    that rests under the market pays no more than its own price: it may lie as far as it likes.
    """
    if not rules.collar_ppm or intent.reduce_only:
        return None
    if price is None or not price.is_finite() or price <= 0:
        return refused(
            intent, "reference_price", 1, 0, "the exchange tells no price to compare with"
        )
    reference = intent.reference_price
    if intent.kind is OrderKind.LIMIT and price >= reference:
        return None
    apart = MONEY_CONTEXT.subtract(max(price, reference), min(price, reference))
    limit = MONEY_CONTEXT.multiply(reference, from_units(rules.collar_ppm, 6))
    if apart <= limit:
        return None
    return refused(
        intent,
        "price_collar_fraction",
        limit,
        apart,
        f"the price is {plain(price)}, {plain(apart)} from {plain(reference)}, at which it was "
        f"decided; the limit is {plain(limit)}",
    )
