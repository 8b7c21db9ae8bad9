"""The risk gate: every order passes `review`, or is refused by a named control.

Law: an `Approved` is built here and nowhere else. Every control is asked here, but for the market's
price, which is asked for as an entry leaves (`runtime.carrying`). Limits count what is held, what
is open and what is UNKNOWN. Orders that only reduce a position pass all limits on size and losses;
they must be real, sellable, new, and within the pace.
"""

import hashlib
import re

from tradebot.engine.controls.admission import check_admission, check_doubt, check_halted
from tradebot.engine.controls.amounts import (
    check_notional,
    check_numbers,
    check_quantity,
    check_reward,
    check_risk,
    check_sellable,
    check_stop,
)
from tradebot.engine.controls.holdings import check_balance, check_holdings
from tradebot.engine.controls.losses import check_trips
from tradebot.engine.controls.pace import (
    check_own_orders,
    check_rate,
    check_repeated,
    check_twice,
)
from tradebot.engine.controls.pauses import check_pauses
from tradebot.engine.controls.refusal import ALL_WELL, Outside
from tradebot.engine.rules.costs import notional
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.order import Approved, Intent, Refused

ORDER_PREFIX = "tb"
_ORDER_ID = re.compile(rf"{ORDER_PREFIX}[0-9a-f]{{6}}-")


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
    state: State,
    intent: Intent,
    rules: Rules,
    outside: Outside = ALL_WELL,
    *,
    messages: int = 1,
) -> Approved | Refused:
    """Return the ruling on an intent.

    Approved with its id, or refused by the first broken control. `messages` to the exchange leave
    for it: an order, and the cancel or the sibling that goes with it.
    """
    name = order_id(state, intent)
    refused = _check(state, intent, rules, outside, name, messages)
    if refused is not None:
        return refused
    return Approved(order_id=name, intent=intent)


def _check(
    state: State, intent: Intent, rules: Rules, outside: Outside, name: str, messages: int
) -> Refused | None:
    of_any_order = (
        check_halted(state, intent)
        or check_numbers(intent)
        or check_quantity(state, intent)
        or check_twice(state, intent, name)
        or check_rate(state, intent, rules, messages)
    )
    if of_any_order is not None or intent.reduce_only:
        return of_any_order
    of_entries = (
        check_trips(state, intent, rules)
        or check_admission(state, intent, outside)
        or check_doubt(state, intent, rules)
        or check_own_orders(state, intent, rules)
        or check_repeated(state, intent, rules)
        or check_pauses(state, intent, rules)
    )
    if of_entries is not None:
        return of_entries
    scale = state.scales[intent.market]
    price = scale.price(intent.reference_price)
    worth = notional(price, scale.quantity(intent.quantity), scale.lot, scale.lot_cash)
    return (
        check_notional(state, intent, rules, worth)
        or check_stop(state, intent, rules, price)
        or check_reward(intent, rules)
        or check_risk(state, intent, rules, worth, price)
        or check_sellable(state, intent, rules, price)
        or check_holdings(state, intent, rules, worth, price)
        or check_balance(state, intent, rules, worth)
    )
