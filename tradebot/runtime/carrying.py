"""Carrying out what the engine decided: on disk, on the wire once, the answer on disk.

Law: an order is on disk before it is on the wire, the gate's token is younger than two seconds when
it leaves, and whatever comes of it, it is never sent again.
"""

from contextlib import suppress

from tradebot.adapters.gate_tokens import GateTokens
from tradebot.engine.actions import Action, Cancel, Place, PlaceOco, Refuse, Replace
from tradebot.engine.controls.amounts import check_price
from tradebot.engine.entries import resting_entry
from tradebot.engine.reconcile import outcome_events, report_events
from tradebot.engine.settings import Rules
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.order import (
    RESTING,
    Approved,
    Intent,
    Leg,
    Order,
    Outcome,
    Refused,
    Rejection,
    Report,
    Unknown,
    Unsent,
)
from tradebot.ports import Broker, Clock, Latch
from tradebot.runtime.settling import Books, Settler, record_told


class Carrier:
    """The one way from a decision to the wire."""

    def __init__(
        self,
        books: Books,
        *,
        broker: Broker,
        clock: Clock,
        latch: Latch,
        tokens: GateTokens,
        settler: Settler,
        window_ms: int,
        rules: Rules,
    ) -> None:
        self._books = books
        self._broker = broker
        self._clock = clock
        self._latch = latch
        self._tokens = tokens
        self._settler = settler
        self._window_ms = window_ms
        self._rules = rules

    def carry_out(self, action: Action) -> bool:
        """Do one thing; return whether the world may have changed by it."""
        match action:
            case Place():
                return self._place([action.order])
            case PlaceOco():
                return self._place([action.stop, action.target])
            case Replace():
                return self._replace(action)
            case Cancel():
                return self.cancel(action)
            case Refuse():
                self._refuse(action)
                return False

    # --- placing --------------------------------------------------------------------------------

    def _place(self, approved: list[Approved]) -> bool:
        off_price = self._off_price(approved[0].intent)
        if off_price is not None:
            # Said once per signal, as what the gate refuses before.
            told = self._books.state.feed.refused.get(off_price.intent.market)
            if told != off_price.control:
                self._refuse(Refuse(off_price))
            return False
        if not self._is_written(approved):
            return False
        # The wire, once: whatever happens now, this order is never sent again.
        outcomes: tuple[Outcome, ...]
        if len(approved) == 2:
            outcomes = self._broker.place_oco(approved[0], approved[1])
        else:
            outcomes = (self._broker.place_order(approved[0]),)
        events: list[ev.Event] = []
        for each, outcome in zip(approved, outcomes, strict=True):
            events += self._answered(each, outcome)
        self._record(events)
        # What did not leave would not leave a moment later.
        return not all(isinstance(outcome, Unsent) for outcome in outcomes)

    def _off_price(self, intent: Intent) -> Refused | None:
        """Return the gate's refusal of an entry whose price has gone, or is not to be had."""
        if intent.reduce_only or not self._rules.collar_ppm:
            return None
        try:
            price = self._broker.last_price(intent.market)
        except ExchangeUnavailable:
            price = None
        return check_price(intent, price, self._rules)

    def _is_written(self, approved: list[Approved]) -> bool:
        """Make the orders durable as SENT, with a token each; return whether they may leave."""
        now = self._clock.now_ms()
        for each in approved:
            self._tokens.issue(each, now_ms=now)
        self._books.record([_intended(each, at=now) for each in approved])
        is_emergency = approved[0].intent.leg is Leg.FLATTEN
        if not is_emergency and not self._latch.is_armed():
            reason = "trading was halted before it was sent"
            for each in approved:
                self._tokens.recall(each)
                self._books.record(
                    [ev.OrderDropped(at=now, order_id=each.order_id, reason=reason)]
                )
            self._books.halt("the emergency stop is latched")
            return False
        self._books.record(
            [
                ev.OrderSent(at=now, order_id=each.order_id, window_ms=self._window_ms)
                for each in approved
            ]
        )
        return True

    def _answered(self, approved: Approved, outcome: Outcome) -> list[ev.Event]:
        order = self._books.state.orders.unsettled[approved.order_id]
        return outcome_events(order, outcome, at=self._clock.now_ms())

    def _replace(self, action: Replace) -> bool:
        """Put a new order in the place of a resting one, in one request."""
        if not self._is_written([action.order]):
            return False
        now = self._clock.now_ms()
        old = action.resting
        self._books.record([ev.CancelSent(at=now, order_id=old.id, reason=action.reason)])
        gone, placed = self._broker.replace_order(old, action.order)
        answered = self._answered(action.order, placed)
        if isinstance(gone, Report):
            ended = report_events(old, gone, at=self._clock.now_ms())
            self._record([*ended, *answered])
            return bool(ended)
        self._record(answered)
        return self._is_ended(old, gone)

    def _record(self, told: list[ev.Event]) -> None:
        record_told(self._books, told, at=self._clock.now_ms())

    # --- cancelling -----------------------------------------------------------------------------

    def cancel(self, action: Cancel) -> bool:
        """Cancel a resting order; return whether the books have changed by it."""
        order = self._books.state.orders.unsettled.get(action.order.id)
        if order is None:
            return True  # What was carried out before it ended it, too.
        now = self._clock.now_ms()
        self._books.record([ev.CancelSent(at=now, order_id=order.id, reason=action.reason)])
        return self._is_ended(order, self._broker.cancel_order(order))

    def _is_ended(self, order: Order, outcome: Outcome) -> bool:
        """Book the answer to a cancel; return whether the books have changed by it."""
        if isinstance(outcome, Unknown | Unsent):
            return False
        if isinstance(outcome, Rejection):
            # "Unknown order": it has just filled or expired; the fill wins.
            return self._settler.settle_order(order)
        events = report_events(order, outcome, at=self._clock.now_ms())
        self._record(events)
        self._settle_siblings(order)
        return bool(events)

    def _settle_siblings(self, order: Order) -> None:
        """Book the end of the OCO sibling that the exchange cancelled with `order`."""
        for other in self._books.state.orders.of(order.market):
            if other.status in RESTING and other.closed_at == order.closed_at:
                self._settler.settle_order(other)

    def cancel_all(self, reason: str) -> None:
        """Cancel every resting order of ours; what does not end stays unsettled, to be seen."""
        for order_id in list(self._books.state.orders.unsettled):
            known = self._books.state.orders.unsettled.get(order_id)
            if known is not None and known.status in RESTING:
                # One that cannot be asked about stops no other.
                with suppress(ExchangeUnavailable):
                    self.cancel(Cancel(known, reason))

    def cancel_entries(self, reason: str) -> None:
        """Cancel every limit entry that rests: what it buys now, nobody would guard."""
        for market in sorted(self._books.state.markets):
            entry = resting_entry(self._books.state.orders.of(market))
            if entry is not None:
                with suppress(ExchangeUnavailable):
                    self.cancel(Cancel(entry, reason))

    # --- refusing -------------------------------------------------------------------------------

    def _refuse(self, action: Refuse) -> None:
        refused = action.refused
        intent = refused.intent
        self._books.record(
            [
                ev.IntentRefused(
                    at=self._clock.now_ms(),
                    market=intent.market,
                    side=intent.side,
                    leg=intent.leg,
                    quantity=intent.quantity,
                    closed_at=intent.closed_at,
                    control=refused.control,
                    limit=refused.limit,
                    value=refused.value,
                    message=refused.message,
                    size=dict(intent.size),
                )
            ]
        )


def _intended(approved: Approved, *, at: int) -> ev.OrderIntended:
    intent = approved.intent
    return ev.OrderIntended(
        at=at,
        order_id=approved.order_id,
        market=intent.market,
        side=intent.side,
        kind=intent.kind,
        leg=intent.leg,
        quantity=intent.quantity,
        reference_price=intent.reference_price,
        closed_at=intent.closed_at,
        strategy=intent.strategy,
        reason=intent.reason,
        price=intent.price,
        stop_price=intent.stop_price,
        size=dict(intent.size),
    )
