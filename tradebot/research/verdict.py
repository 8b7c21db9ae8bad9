"""What came of one candle of a market, in a word, and because of what.

Law: as the engine has it: the same conditions in the same order as `decide`, read from the state
that it was asked in and from what the journal says it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradebot.engine.state import State
from tradebot.engine.valuation import is_held
from tradebot.model import event as ev
from tradebot.model.account import Position, TradingState
from tradebot.model.market import Market
from tradebot.model.money import MONEY_CONTEXT, ZERO, plain
from tradebot.model.order import IN_DOUBT, Leg, Order, Side
from tradebot.research.moments import Moment, Step

UNITS = Decimal("0.00000001")
SALES = frozenset({Leg.EXIT, Leg.FLATTEN})


class Word(StrEnum):
    """What came of it."""

    BOUGHT = "BOUGHT"
    SOLD = "SOLD"
    HELD = "HELD"
    NOT_BOUGHT = "NOT BOUGHT"


class Because(StrEnum):
    """Why: what `--json` tells, and never renames."""

    SIGNAL = "signal"  # of a buy; of a sale it is one of those below
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"
    FLATTEN = "flatten"
    NO_SIGNAL = "no_signal"
    KEPT = "kept"  # held: the strategy says hold, or stays long
    MISSED = "missed"
    NO_CANDLE = "no_candle"
    SPENT = "spent"
    ORDER_OUT = "order_out"
    USED_UP = "entries_used_up"
    REFUSED = "refused"
    NOT_FILLED = "not_filled"
    HALTED = "halted"
    NOT_TRADING = "not_trading"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One word, its cause, and one line of words. `refusal` is that of the gate, if it refused."""

    word: Word
    because: Because
    text: str
    refusal: ev.IntentRefused | None = None


def verdict(moment: Moment, refusal_before: ev.IntentRefused | None = None) -> Verdict:
    """Return what came of a candle.

    `refusal_before` is the market's last refusal before it: one that repeats is journalled once.
    """
    return (
        _filled(moment)
        or _missed(moment)
        or _attempted(moment)
        or _refused(moment)
        or (_held(moment) if _is_held(moment) else _flat(moment, refusal_before))
    )


def not_decided(moment: Moment, text: str) -> Verdict:
    """Return the verdict on a time at which no candle was decided."""
    word = Word.HELD if _is_held(moment, at_end=True) else Word.NOT_BOUGHT
    return Verdict(word=word, because=Because.NO_CANDLE, text=text)


def _is_held(moment: Moment, *, at_end: bool = False) -> bool:
    state = moment.ended if at_end else moment.known
    return moment.market in state.markets and is_held(state, moment.market)


# --- what happened ------------------------------------------------------------------------------


def _filled(moment: Moment) -> Verdict | None:
    """Return the verdict of a moment in which something was bought or sold; the last one counts."""
    fills = [step for step in moment.own if isinstance(step.event, ev.FillBooked)]
    if not fills:
        return None
    last = fills[-1].event
    assert isinstance(last, ev.FillBooked), "only fills were chosen"
    same = [each for each in fills if _fill_of(each).side is last.side]
    market = moment.ended.markets[moment.market]
    traded = _traded([_fill_of(each) for each in same], market)
    order = fills[-1].after.orders.get(last.order_id)
    leg = Leg.EXIT if order is None else order.leg
    if last.side is Side.BUY:
        return Verdict(
            word=Word.BOUGHT, because=Because.SIGNAL, text=f"{traded} {_entry_words(moment, last)}"
        )
    text = f"{traded}, {_leg_words(moment, last.order_id, leg)}"
    position = fills[-1].after.positions.get(moment.market, Position())
    if not position.is_open:
        text += f"; {_gain(position)} {market.quote} after fees"
    return Verdict(word=Word.SOLD, because=Because(leg.value), text=text)


def _entry_words(moment: Moment, fill: ev.FillBooked) -> str:
    for step in moment.own:
        if isinstance(step.event, ev.OrderIntended) and step.event.order_id == fill.order_id:
            return "on its signal"
    return "by an entry of an earlier candle"


def _fill_of(step: Step) -> ev.FillBooked:
    assert isinstance(step.event, ev.FillBooked), "only fills are asked"
    return step.event


def _traded(fills: Sequence[ev.FillBooked], market: Market) -> str:
    """Return quantity and price of fills, exactly, or their mean where they have several."""
    quantity, cost = ZERO, ZERO
    for each in fills:
        quantity = MONEY_CONTEXT.add(quantity, each.fill.quantity)
        paid = MONEY_CONTEXT.multiply(each.fill.quantity, each.fill.price)
        cost = MONEY_CONTEXT.add(cost, paid)
    prices = {each.fill.price for each in fills}
    if len(prices) == 1:
        return f"{plain(quantity)} {market.base} @ {plain(prices.pop())} {market.quote}"
    mean = MONEY_CONTEXT.divide(cost, quantity).quantize(UNITS, context=MONEY_CONTEXT)
    return (
        f"{plain(quantity)} {market.base} @ {plain(mean)} {market.quote} on average in "
        f"{len(fills)} fills"
    )


def _leg_words(moment: Moment, order_id: str, leg: Leg) -> str:
    """Return by which order it was sold, with its reason where this moment intended it."""
    if leg in (Leg.STOP, Leg.TARGET):
        return f"by its {leg.value}"
    for step in moment.own:
        if isinstance(step.event, ev.OrderIntended) and step.event.order_id == order_id:
            return f"by {leg.value}: {step.event.reason}"
    return f"by {leg.value}"


def _gain(position: Position) -> str:
    gain = MONEY_CONTEXT.subtract(position.proceeds, position.cost)
    return f"+{plain(gain)}" if gain >= ZERO else plain(gain)


def _missed(moment: Moment) -> Verdict | None:
    if moment.closed is None or not moment.closed.missed:
        return None
    word = Word.HELD if _is_held(moment) else Word.NOT_BOUGHT
    late = (moment.closed.at - moment.closed_at) // 1000
    text = f"its candle was read {late} s after its close: too late to trade, recorded only"
    return Verdict(word=word, because=Because.MISSED, text=text)


def _attempted(moment: Moment) -> Verdict | None:
    """Return the verdict of a moment whose order did not fill within it."""
    for step in reversed(moment.own):
        event = step.event
        if isinstance(event, ev.OrderIntended) and event.leg in (Leg.ENTRY, *SALES):
            word = Word.NOT_BOUGHT if event.leg is Leg.ENTRY else Word.HELD
            what = "entry" if event.leg is Leg.ENTRY else "sale"
            text = f"its {what} {became(moment, event.order_id)}"
            return Verdict(word=word, because=Because.NOT_FILLED, text=text)
    return None


def became(moment: Moment, order_id: str) -> str:
    """Return what had become of an order by the end of a moment, in words."""
    for step in reversed(moment.all_steps):
        event = step.event
        if getattr(event, "order_id", None) != order_id:
            continue
        match event:
            case ev.OrderRejected():
                return f"was rejected by the exchange: {event.message} ({event.code})"
            case ev.OrderDropped():
                return f"was not sent: {event.reason}"
            case ev.OrderUnknown():
                return f"is in doubt ({event.cause}): nobody knows whether the exchange has it"
            case ev.OrderAbsent():
                return f"never reached the exchange: {event.evidence}"
            case ev.OrderCancelled():
                return "was cancelled" + _cancel_reason(moment, order_id)
            case ev.OrderExpired():
                return f"expired: {event.reason}" if event.reason else "expired"
            case ev.OrderAccepted() | ev.CancelSent():
                return "is at the exchange and has not filled"
            case ev.OrderSent():
                return "is sent and not answered"
            case _:
                return "is written down and not sent"
    return "is not known"


def _cancel_reason(moment: Moment, order_id: str) -> str:
    for step in moment.all_steps:
        if isinstance(step.event, ev.CancelSent) and step.event.order_id == order_id:
            return f": {step.event.reason}"
    return ""


def _refused(moment: Moment) -> Verdict | None:
    """Return the verdict of a moment in which the gate refused an entry or a sale."""
    for step in reversed(moment.own):
        event = step.event
        if isinstance(event, ev.IntentRefused) and event.leg in (Leg.ENTRY, *SALES):
            word = Word.NOT_BOUGHT if event.leg is Leg.ENTRY else Word.HELD
            text = f"the gate refused it by {event.control}: {_without_market(event)}"
            return Verdict(word=word, because=Because.REFUSED, text=text, refusal=event)
    return None


def _without_market(event: ev.IntentRefused) -> str:
    symbol = event.market.partition(":")[2]
    return event.message.removeprefix(f"{symbol}: ")


# --- what did not happen ------------------------------------------------------------------------


def _held(moment: Moment) -> Verdict:
    state, exposure = moment.known, moment.exposure_ppm
    because, text = Because.KEPT, "the signal stays long"
    if state.trading is TradingState.HALTED:
        because, text = Because.HALTED, "trading is halted: nothing is sold, its stop stays"
    elif not state.markets[moment.market].is_trading:
        because, text = Because.NOT_TRADING, "the exchange does not trade the market now"
    elif exposure is None:
        text = "the strategy says hold"
    elif exposure <= 0:
        because, text = Because.UNDECIDED, UNDECIDED
        out = _doubtful(state, moment.market)
        cancelled = _cancelled_for_sale(moment)
        if out is not None:
            because, text = Because.ORDER_OUT, _out_words(out, "sold")
        elif cancelled:
            because, text = Because.NOT_FILLED, cancelled
    return Verdict(word=Word.HELD, because=because, text=text)


def _cancelled_for_sale(moment: Moment) -> str:
    """Return that a stop or target was cancelled for a sale that did not follow; "" = none was."""
    for step in reversed(moment.own):
        if isinstance(step.event, ev.CancelSent):
            order = step.after.orders.get(step.event.order_id)
            leg = "stop or target" if order is None else order.leg.value
            return (
                f"the cancel of its {leg} was sent for the sale ({step.event.reason}), which did "
                "not follow within the candle"
            )
    return ""


UNDECIDED = (
    "nothing was decided from it: the bot was stopped, or had no answer from the exchange, in "
    "between"
)


def _flat(moment: Moment, refusal_before: ev.IntentRefused | None) -> Verdict:
    state, market = moment.known, moment.market
    because, text, refusal = Because.UNDECIDED, UNDECIDED, None
    out = next(iter(state.orders.of(market)), None)
    if (moment.exposure_ppm or 0) <= 0:
        because, text = Because.NO_SIGNAL, "no signal"
    elif market in state.feed.spent:
        because = Because.SPENT
        text = "the signal has had its trade: it buys again once a candle was not long"
    elif out is not None:
        because, text = Because.ORDER_OUT, _out_words(out, "bought")
    elif market in state.feed.refused and refusal_before is not None:
        because, refusal = Because.REFUSED, refusal_before
        text = (
            f"the gate refused this signal by {refusal_before.control}, said once: "
            f"{_without_market(refusal_before)}"
        )
    elif market in state.feed.rounds:
        because = Because.USED_UP
        count = state.feed.rounds[market]
        text = f"the signal was tried with {count} limit entries, all that it may have"
    return Verdict(word=Word.NOT_BOUGHT, because=because, text=text, refusal=refusal)


def _doubtful(state: State, market: str) -> Order | None:
    orders = state.orders.of(market)
    return next((each for each in orders if each.leg in SALES or each.status in IN_DOUBT), None)


def _out_words(order: Order, verb: str) -> str:
    return (
        f"an order is out: {order.leg.value} {order.id} is {order.status.value}; nothing is {verb} "
        "beside it"
    )
