"""Bugs of how orders are decided, sent, asked about, booked and guarded, each seen by worlds."""

from tests.simulation.zoo import Bug
from tradebot.engine import apply_orders, booking, decide, guarded, protect, reconcile, risk
from tradebot.engine.controls import holdings
from tradebot.runtime.carrying import Carrier
from tradebot.runtime.guarding import Guard
from tradebot.runtime.session import Session
from tradebot.runtime.settling import Settler
from tradebot.runtime.trader import Trader

ORDER_BUGS = (
    Bug(
        "an order is sent before it is on disk",
        (
            (
                Carrier._is_written,
                "        self._books.record(\n            [\n                ev.OrderSent",
                "        self.late = (\n            [\n                ev.OrderSent",
            ),
            (
                Carrier._place,
                "        events: list[ev.Event] = []",
                "        self._books.record(self.late)\n        events: list[ev.Event] = []",
            ),
        ),
        is_quick=True,
    ),
    Bug(
        "an order without an answer is sent again",
        (
            (
                Carrier._place,
                "        events: list[ev.Event] = []",
                "        if isinstance(outcomes[0], Unknown) and len(approved) == 1:\n"
                "            outcomes = (self._broker.place_order(approved[0]),)\n"
                "        events: list[ev.Event] = []",
            ),
        ),
    ),
    Bug(
        "a candle is decided again after a restart, under a new id",
        (
            (decide._enter, " or state.orders.attempts(market, Leg.ENTRY, candle.closed_at)", ""),
            (risk.order_id, "intent.leg)", "intent.leg, len(state.orders.settled))"),
        ),
    ),
    Bug(
        "an order that is not found is absent at once",
        (
            (
                Settler._settle_missing,
                "not may_be_absent(order, now_ms=now)",
                "False",
            ),
        ),
        is_quick=True,
    ),
    Bug(
        "one look is enough to call an order absent",
        (
            (
                Settler._settle_missing,
                "if not is_absent(first_missed_ms=first, now_ms=now)",
                "if first > now",
            ),
        ),
    ),
    Bug(
        "the second endpoint is not asked",
        ((Settler._settle_missing, "if self._broker.is_listed(order)", "if False"),),
        is_quick=True,
    ),
    Bug(
        "a failed read counts as not found",
        (
            (
                Settler.settle_order,
                "        report = self._broker.order_report(order)",
                "        try:\n            report = self._broker.order_report(order)\n"
                "        except Exception:\n            report = None",
            ),
            (
                Settler._settle_missing,
                "        if self._broker.is_listed(order):",
                "        try:\n            listed = self._broker.is_listed(order)\n"
                "        except Exception:\n            listed = False\n        if listed:",
            ),
        ),
    ),
    Bug(
        "a fill is booked twice: its trade id is not looked at",
        (
            (reconcile.report_events, "if fill.trade_id not in known", "if True"),
            (apply_orders._filled, "if fill.trade_id in order.trade_ids", "if False"),
        ),
        is_quick=True,
    ),
    Bug(
        "the end of an order is booked before its fills",
        (
            (
                reconcile.report_events,
                "if booked < report.filled or booked >= order.quantity",
                "if booked >= order.quantity",
            ),
        ),
    ),
    Bug(
        "a stop is sized to what was bought, not to what is left of it",
        ((protect.sale, "most = position.sellable,", "most = position.bought,"),),
    ),
    Bug(
        "a refused cancel is taken for a cancel",
        (
            (
                Carrier._is_ended,
                '            # "Unknown order": it has just filled or expired; the fill wins.\n',
                "            now = self._clock.now_ms()\n"
                "            self._books.record([ev.OrderCancelled(at=now, order_id=order.id)])\n"
                "            return True\n",
            ),
        ),
    ),
    Bug(
        "a restart drops what was sent",
        (
            (
                Settler.settle_order,
                "if order.status is OrderStatus.INTENDED",
                "if order.status in (OrderStatus.INTENDED, OrderStatus.SENT)",
            ),
        ),
        is_quick=True,
    ),
    Bug(
        "an order in doubt does not block its market",
        ((decide._enter, "if state.orders.of(market) or", "if"),),
    ),
    Bug(
        "the limit on positions is one too high",
        (
            (
                holdings.check_holdings,
                "len(busy) >= rules.open_positions_max",
                "len(busy) > rules.open_positions_max",
            ),
        ),
    ),
    Bug(
        "the emergency stop is not looked at",
        ((Carrier._is_written, "not self._latch.is_armed()", "False"),),
    ),
    Bug(
        "the fee taken in coins is forgotten",
        ((booking._bought, "+ fill.quantity - base_fee", "+ fill.quantity"),),
    ),
    Bug(
        "a missed candle is traded",
        ((Session.step, "        if missed:\n            return\n", ""),),
    ),
    Bug(
        "what was refused is asked for again at another time",
        ((Guard._pursue, "time=now)", "time=self._clock.now_ms())"),),
        test=(
            "tests.unit.runtime.test_guarding",
            "test_what_was_refused_is_asked_for_once_a_look_though_the_clock_moves",
        ),
    ),
    Bug(
        "a target whose stop is gone is left alone",
        (
            (protect._renewed, "if not stops and level", "if False"),
            (guarded.has_stop_at_rest, "order.leg is Leg.STOP", "order.leg is not Leg.ENTRY"),
        ),
    ),
    Bug(
        "nobody asks about orders between candles",
        ((Trader.tick, "unread = self._settled()", "unread = None"),),
    ),
    Bug(
        "a stop counts as replaced though the old one could not be cancelled",
        (
            (
                Carrier._replace,
                "        self._record(answered)\n        return self._is_ended(old, gone)",
                "        ended = ev.OrderCancelled(at=self._clock.now_ms(), order_id=old.id)\n"
                "        self._record([*answered, ended])\n        return True",
            ),
        ),
    ),
    Bug(
        "a stop and a target are placed anew before the old ones are gone",
        (
            (
                protect._renewed,
                "return (Cancel(stop, reason),)",
                "return (Cancel(stop, reason), Place(ruling))",
            ),
        ),
    ),
    Bug(
        "a position is guarded beside an order in doubt",
        ((protect.guard, "if is_moving(order)", "if False"),),
    ),
    Bug(
        "an entry whose cancel was not answered is taken for gone",
        (
            (
                Carrier._is_ended,
                "        if isinstance(outcome, Unknown | Unsent):\n            return False",
                '        if isinstance(outcome, Unknown) and order.side == "buy":\n'
                "            now = self._clock.now_ms()\n"
                "            self._record([ev.OrderCancelled(at=now, order_id=order.id)])\n"
                "            return True\n"
                "        if isinstance(outcome, Unknown | Unsent):\n            return False",
            ),
        ),
    ),
)
