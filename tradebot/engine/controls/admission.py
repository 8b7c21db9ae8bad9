"""Whether entries are let in at all: trading's state, the market's, and the world's."""

from tradebot.engine.controls.refusal import Outside, refused
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.account import TradingState
from tradebot.model.order import IN_DOUBT, Intent, Leg, Refused

# A stop gives a position its guard where the bot has halted itself; the latch ends that, too.
PASS_HALTED = frozenset({Leg.FLATTEN, Leg.STOP})
# Binance refuses a request that is dated a second ahead of its own time.
SKEW_MS_MAX = 1_000


def closed_to_entries(state: State, market: str, now_ms: int) -> str:
    """Return why no entry is allowed in a market now; "" = it is open to them."""
    for trip in state.track.trips.values():
        if trip.is_active(now_ms):
            return trip.message
    if state.trading is not TradingState.ACTIVE:
        return f"trading is {state.trading}"
    if not state.markets[market].is_trading:
        return "the exchange does not trade it now"
    return _lock(state, market)


def _lock(state: State, market: str) -> str:
    """Return why a market is locked; "" = it is not."""
    lock = next((why for (name, _), why in state.locks.items() if name == market), "")
    return f"the market takes only exits: {lock}" if lock else ""


def check_halted(state: State, intent: Intent) -> Refused | None:
    """Refuse everything while trading is halted, but what guards and what ends a position."""
    if state.trading is TradingState.HALTED and intent.leg not in PASS_HALTED:
        return refused(intent, "trading_halted", 0, 1, "trading is halted")
    return None


def check_admission(state: State, intent: Intent, outside: Outside) -> Refused | None:
    """Refuse an entry while only exits are allowed, or the world is not as it should be."""
    if state.trading is TradingState.REDUCING:
        return refused(intent, "trading_reducing", 0, 1, "only exits are allowed")
    assert state.started is not None, "a session has started"
    if all(each.name != intent.market for each in state.started.markets):
        return refused(
            intent, "market_not_listed", 0, 1, "it is not in [bot] markets any more"
        )
    if not state.markets[intent.market].is_trading:
        return refused(intent, "market_paused", 0, 1, "the exchange does not trade it now")
    lock = _lock(state, intent.market)
    if lock:
        return refused(intent, "market_locked", 0, 1, lock)
    if not outside.is_contiguous:
        return refused(intent, "candle_gap", 0, 1, "the candle before this one is missing")
    if not outside.is_reconciled:
        return refused(
            intent,
            "reconcile_pending",
            0,
            1,
            "the books were not compared with the exchange since it was lost",
        )
    if outside.skew_ms > SKEW_MS_MAX:
        return refused(
            intent,
            "clock_skew",
            SKEW_MS_MAX,
            outside.skew_ms,
            f"the exchange's clock is {outside.skew_ms} ms from ours, {SKEW_MS_MAX} are allowed",
        )
    return None


def check_doubt(state: State, intent: Intent, rules: Rules) -> Refused | None:
    """Refuse an entry beside orders of which nobody knows, here or too many anywhere."""
    doubtful = [each for each in state.orders.unsettled.values() if each.status in IN_DOUBT]
    here = sum(each.market == intent.market for each in doubtful)
    if here:
        return refused(
            intent, "order_in_doubt", 0, here, "an order of this market is in doubt"
        )
    most = rules.pace.in_doubt_max
    if 0 < most < len(doubtful):
        return refused(
            intent,
            "orders_in_doubt_max",
            most,
            len(doubtful),
            f"{len(doubtful)} orders are in doubt, the limit is {most}",
        )
    return None
