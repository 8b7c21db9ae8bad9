"""How much may leave, how fast, and never the same thing twice.

Law: no position is left without its stop for the sake of the pace.
"""

from tradebot.engine.controls.refusal import refused
from tradebot.engine.guarded import has_stop_at_rest
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.money import plain
from tradebot.model.order import Intent, Leg, OrderKind, Refused

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
# Of what a minute or an hour may have, entries leave a fifth to exits.
RESERVED_PART = 5


def check_twice(state: State, intent: Intent, order_id: str) -> Refused | None:
    """Refuse an order whose id is known: the same decision is never carried out twice."""
    if state.orders.get(order_id) is None:
        return None
    return refused(intent, "duplicate", 0, 1, f"order {order_id} was intended before")


def check_rate(state: State, intent: Intent, rules: Rules, messages: int) -> Refused | None:
    """Refuse an order whose messages would take a minute or an hour over its share of them.

    What guards a bare position or ends it leaves at any pace, and is counted: an exit waits only
    where the stop stays meanwhile. The gate has no clock: the window ends at the candle's close, or
    at the newest message after it.
    """
    sent, pace = state.track.sent, rules.pace
    if not sent or is_for_bare(state, intent):
        return None
    # A candle that is decided late has had hours of messages since: those of one minute count.
    now = max(intent.closed_at, sent[-1])
    for control, most, window_ms in (
        ("orders_per_minute_max", pace.orders_per_minute_max, MINUTE_MS),
        ("orders_per_hour_max", pace.orders_per_hour_max, HOUR_MS),
    ):
        if not most or len(sent) + messages <= most - most // RESERVED_PART:
            continue
        share = most if intent.reduce_only else most - most // RESERVED_PART
        count = sum(time > now - window_ms for time in sent)
        if count + messages > share:
            return refused(
                intent,
                control,
                share,
                count + messages,
                f"{count} orders and cancels left within {window_ms // 1000} s, the limit is "
                f"{most}, of which {'none is' if intent.reduce_only else 'a fifth is'} kept for "
                f"{'others' if intent.reduce_only else 'exits'}",
            )
    return None


def is_for_bare(state: State, intent: Intent) -> bool:
    """Return whether an intent guards or ends a position that no stop guards; a target does not."""
    if not intent.reduce_only or intent.leg is Leg.TARGET:
        return False
    return not has_stop_at_rest(state, intent.market)


def check_repeated(state: State, intent: Intent, rules: Rules) -> Refused | None:
    """Refuse an entry like the one before it, too soon after it."""
    at, quantity = state.track.bought.get(intent.market, (0, None))
    since = intent.closed_at - at
    if quantity != intent.quantity or not since or since >= rules.pace.duplicate_ms:
        return None
    return refused(
        intent,
        "duplicate_seconds",
        rules.pace.duplicate_ms // 1000,
        since // 1000,
        f"{plain(intent.quantity)} was bought {since // 1000} s ago, the same again needs "
        f"{rules.pace.duplicate_ms // 1000} s",
    )


def check_own_orders(state: State, intent: Intent, rules: Rules) -> Refused | None:
    """Refuse an entry that could trade with an order of ours, or beside too many of them.

    A sale waits for no entry of ours: that one is cancelled with it, and the exit comes first.
    """
    crossing = [
        each
        for each in state.orders.of(intent.market)
        if each.side is not intent.side and each.kind is not OrderKind.STOP
    ]
    if crossing:
        return refused(
            intent,
            "self_trade",
            0,
            len(crossing),
            f"it could trade with our own {crossing[0].leg.value} order {crossing[0].id}",
        )
    most, count = rules.pace.open_orders_max, len(state.orders.unsettled)
    if not 0 < most <= count:
        return None
    return refused(
        intent,
        "open_orders_max",
        most,
        count + 1,
        f"{count} orders are open, the limit is {most}",
    )
