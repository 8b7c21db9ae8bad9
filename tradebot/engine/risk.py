"""The risk gate: every order passes `review`, or is refused by a named control.

Law: an `Approved` is built here and nowhere else. Limits count what is held, what is open and what
is UNKNOWN. Orders that only reduce a position pass all limits on size.
"""

import hashlib
import re
from decimal import Decimal

from tradebot.engine import valuation
from tradebot.engine.rules.arithmetic import portion, portion_up
from tradebot.engine.rules.costs import affordable_cash, kept, notional
from tradebot.engine.rules.exits import is_stop_clear, stop_price
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.account import TradingState
from tradebot.model.market import FeeAsset
from tradebot.model.money import plain
from tradebot.model.order import Approved, Intent, Leg, OrderKind, Refused

ORDER_PREFIX = "tb"
_ORDER_ID = re.compile(rf"{ORDER_PREFIX}[0-9a-f]{{6}}-")
# A stop gives a position its guard where the bot has halted itself; the latch ends that, too.
PASS_HALTED = frozenset({Leg.FLATTEN, Leg.STOP})


def order_id(state: State, intent: Intent) -> str:
    """Return the id of an intent: the same decision made twice has the same id.

    `tb`, the bot's name hashed, and 24 hex digits: 36 characters at most, `[a-z0-9-]`.
    """
    assert state.started is not None, "a session has started"
    bot = state.started.bot
    started = state.started
    named = (started.exchange, started.mode, started.account, started.instance)
    # A simulated run has no instance, and a journal older than accounts no account.
    account = "|".join(part for part in named if part)
    parts = (bot, account, intent.market, intent.closed_at, intent.strategy, intent.leg)
    key = "|".join(map(str, (*parts, intent.sequence)))
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{namespace(bot)}-{digest[:24]}"


def namespace(bot: str) -> str:
    """Return the prefix of every order id of this bot: orders without it are never touched."""
    return ORDER_PREFIX + hashlib.sha256(bot.encode()).hexdigest()[:6]


def is_order_id(text: str) -> bool:
    """Return whether a tradebot gave this id, of whatever name."""
    return _ORDER_ID.match(text) is not None


def review(
    state: State, intent: Intent, rules: Rules, *, is_contiguous: bool = True
) -> Approved | Refused:
    """Return the ruling on an intent.

    Approved with its id, or refused by the first broken control.
    """
    refused = _check(state, intent, rules, is_contiguous=is_contiguous)
    if refused is not None:
        return refused
    return Approved(order_id=order_id(state, intent), intent=intent)


def closed_to_entries(state: State, market: str) -> str:
    """Return why no entry is allowed in a market now; "" = it is open to them."""
    if state.trading is not TradingState.ACTIVE:
        return f"trading is {state.trading}"
    lock = next((why for (name, _), why in state.locks.items() if name == market), "")
    return f"the market takes only exits: {lock}" if lock else ""


def _check(
    state: State, intent: Intent, rules: Rules, *, is_contiguous: bool
) -> Refused | None:
    scale, market = state.scales[intent.market], state.markets[intent.market]
    if state.trading is TradingState.HALTED and intent.leg not in PASS_HALTED:
        return _refused(intent, "trading_halted", 0, 1, "trading is halted")
    if intent.quantity < market.quantity_min or intent.quantity <= 0:
        return _refused(
            intent,
            "quantity_min",
            market.quantity_min,
            intent.quantity,
            f"order of {plain(intent.quantity)} is below the exchange minimum "
            f"{plain(market.quantity_min)}; raise [sizing] or drop the market",
        )
    if market.quantity_max is not None and intent.quantity > market.quantity_max:
        return _refused(
            intent,
            "quantity_max",
            market.quantity_max,
            intent.quantity,
            f"order of {plain(intent.quantity)} is above the exchange maximum "
            f"{plain(market.quantity_max)}",
        )
    if intent.reduce_only:
        return None
    if state.trading is TradingState.REDUCING:
        return _refused(intent, "trading_reducing", 0, 1, "only exits are allowed")
    if not market.is_trading:
        return _refused(intent, "market_paused", 0, 1, "the exchange does not trade it now")
    closed = closed_to_entries(state, intent.market)
    if closed:
        return _refused(intent, "market_locked", 0, 1, closed)
    if not is_contiguous:
        return _refused(intent, "candle_gap", 0, 1, "the candle before this one is missing")
    price = scale.price(intent.reference_price)
    worth = notional(price, scale.quantity(intent.quantity), scale.lot, scale.lot_cash)
    return (
        _check_notional(state, intent, rules, worth)
        or _check_stop(state, intent, rules, price)
        or _check_sellable(state, intent, rules, price)
        or _check_holdings(state, intent, rules, worth, price)
        or _check_balance(state, intent, rules, worth)
    )


def _check_notional(state: State, intent: Intent, rules: Rules, worth: int) -> Refused | None:
    scale = state.scales[intent.market]
    value = scale.cash_decimal(worth)
    if worth > scale.cash_down(rules.order_notional_max):
        return _refused(
            intent,
            "order_notional_max",
            rules.order_notional_max,
            value,
            f"order worth {plain(value)} is above the limit {plain(rules.order_notional_max)}",
        )
    return None


def _check_stop(state: State, intent: Intent, rules: Rules, price: int) -> Refused | None:
    """Refuse an entry whose stop would lie at the market: the tick is too coarse for it."""
    scale = state.scales[intent.market]
    # The nearer of the two counts: it is the one that will rest.
    distance_ppm = min((each for each in (rules.stop_ppm, rules.trailing_ppm) if each), default=0)
    stop = stop_price(price, distance_ppm, scale.tick)
    if not distance_ppm or is_stop_clear(price, stop, scale.tick):
        return None
    limit, value = scale.price_decimal(2 * scale.tick), scale.price_decimal(price - stop)
    return _refused(
        intent,
        "stop_distance_min",
        limit,
        value,
        f"the stop would lie {plain(value)} under the price, less than two ticks, {plain(limit)}; "
        "raise [exits] stop_fraction or drop the market",
    )


def _check_sellable(state: State, intent: Intent, rules: Rules, price: int) -> Refused | None:
    """Refuse what could be bought but not sold again: whole lots after the fee, at the stop."""
    scale, market = state.scales[intent.market], state.markets[intent.market]
    quantity = scale.quantity(intent.quantity)
    # A limit entry pays the one or the other fee: where it rests, or where it crosses.
    is_limit = intent.kind is OrderKind.LIMIT
    fee_ppm = max(market.taker_ppm, market.maker_ppm) if is_limit else market.taker_ppm
    base_fee_ppm = fee_ppm if market.fee_asset is FeeAsset.RECEIVED else 0
    left = kept(quantity, base_fee_ppm, scale.lot)
    remedy = "raise [sizing] or drop the market"
    if left == 0 or left < scale.quantity(market.quantity_min):
        rest = scale.quantity_decimal(left)
        return _refused(
            intent,
            "quantity_min",
            market.quantity_min,
            rest,
            f"order of {plain(intent.quantity)} leaves {plain(rest)} to sell after its fee, below "
            f"the exchange minimum {plain(market.quantity_min)}; {remedy}",
        )
    left_worth = notional(price, left, scale.lot, scale.lot_cash)
    if left_worth - portion_up(left_worth, rules.stop_ppm) < scale.cash_down(market.notional_min):
        value = scale.cash_decimal(notional(price, quantity, scale.lot, scale.lot_cash))
        return _refused(
            intent,
            "notional_min",
            market.notional_min,
            value,
            f"order worth {plain(value)} could not be sold at its stop: the exchange minimum is "
            f"{plain(market.notional_min)}; {remedy}",
        )
    return None


def _check_holdings(
    state: State, intent: Intent, rules: Rules, worth: int, price: int
) -> Refused | None:
    scale = state.scales[intent.market]
    total = valuation.equity(state, intent.market)
    held = valuation.position_value(state, intent.market, price)
    held += valuation.reserved(state, intent.market)
    exposed = valuation.positions_value(state) + valuation.reserved(state)
    for control, ppm, used in (
        ("position_fraction_max", rules.position_ppm_max, held),
        ("exposure_fraction_max", rules.exposure_ppm_max, exposed),
    ):
        limit = portion(total, ppm)
        if used + worth > limit:
            bound, value = scale.cash_decimal(limit), scale.cash_decimal(used + worth)
            return _refused(
                intent, control, bound, value, f"{plain(value)} is above the limit {plain(bound)}"
            )
    busy = {name for name in state.positions if valuation.is_held(state, name)}
    busy |= {each.market for each in state.orders.unsettled.values() if each.leg is Leg.ENTRY}
    if intent.market not in busy and len(busy) >= rules.open_positions_max:
        return _refused(
            intent,
            "open_positions_max",
            rules.open_positions_max,
            len(busy) + 1,
            f"{len(busy)} positions are open, the limit is {rules.open_positions_max}",
        )
    return None


def _check_balance(state: State, intent: Intent, rules: Rules, worth: int) -> Refused | None:
    scale = state.scales[intent.market]
    free = valuation.cash(state, intent.market) - valuation.reserved(state)
    limit = affordable_cash(max(0, free), rules.reserve_ppm)
    if worth <= limit:
        return None
    bound, value = scale.cash_decimal(limit), scale.cash_decimal(worth)
    return _refused(
        intent,
        "balance",
        bound,
        value,
        f"order worth {plain(value)} is above the free balance less its reserve, {plain(bound)}",
    )


def _refused(
    intent: Intent, control: str, limit: Decimal | int, value: Decimal | int, message: str
) -> Refused:
    symbol = intent.market.partition(":")[2]
    return Refused(
        intent=intent,
        control=control,
        limit=Decimal(limit),
        value=Decimal(value),
        message=f"{symbol}: {message}",
    )
