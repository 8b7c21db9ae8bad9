"""Bugs planted one at a time in the production code: what the harness is worth.

Law: a bug is a change of the source's own text, made in memory and undone; a text that is no longer
there is an error, so that no bug quietly stops being planted.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType
from typing import Any

from tests.simulation.options import drawn
from tests.simulation.world import Result, run_world
from tradebot.engine import booking, decide, protect, reconcile, risk, state
from tradebot.runtime.carrying import Carrier
from tradebot.runtime.guarding import Guard
from tradebot.runtime.session import Session
from tradebot.runtime.trader import Trader

Change = tuple[Any, str, str]


def _settling() -> type[Any]:
    """Return the class that asks what became of orders."""
    name = "tradebot.runtime.settling"
    return Session if find_spec(name) is None else import_module(name).Settler


def _of(owner: type[Any], *names: str) -> Any:
    return next(vars(owner)[name] for name in names if name in vars(owner))


SETTLE_ORDER = _of(_settling(), "settle_order", "_settle_order")
SETTLE_MISSING = _of(_settling(), "_settle_missing")


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug in words, and the changes that make it: function, text, other text."""

    name: str
    changes: tuple[Change, ...]


BUGS = (
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
                SETTLE_MISSING,
                "not may_be_absent(order, now_ms=now)",
                "False",
            ),
        ),
    ),
    Bug(
        "one look is enough to call an order absent",
        (
            (
                SETTLE_MISSING,
                "if not is_absent(first_missed_ms=first, now_ms=now)",
                "if first > now",
            ),
        ),
    ),
    Bug(
        "the second endpoint is not asked",
        ((SETTLE_MISSING, "if self._broker.is_listed(order)", "if False"),),
    ),
    Bug(
        "a failed read counts as not found",
        (
            (
                SETTLE_ORDER,
                "        report = self._broker.order_report(order)",
                "        try:\n            report = self._broker.order_report(order)\n"
                "        except Exception:\n            report = None",
            ),
            (
                SETTLE_MISSING,
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
            (state._filled, "if fill.trade_id in order.trade_ids", "if False"),
        ),
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
        ((protect.sale, "quantity=position.sellable", "quantity=position.bought"),),
    ),
    Bug(
        "a refused cancel is taken for a cancel",
        (
            (
                Carrier._is_ended,
                "            # \"Unknown order\": it has just filled or expired; the fill wins.\n",
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
                SETTLE_ORDER,
                "if order.status is OrderStatus.INTENDED",
                "if order.status in (OrderStatus.INTENDED, OrderStatus.SENT)",
            ),
        ),
    ),
    Bug(
        "an order in doubt does not block its market",
        ((decide._enter, "if state.orders.of(market) or", "if"),),
    ),
    Bug(
        "the limit on positions is one too high",
        (
            (
                risk._check_holdings,
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
    ),
    Bug(
        "a target whose stop is gone is left alone",
        (
            (protect._renewed, "if not stops and level", "if False"),
            (protect.has_stop_at_rest, "order.leg is Leg.STOP", "order.leg in PROTECTIVE"),
        ),
    ),
    Bug(
        "nobody asks about orders between candles",
        (
            (Trader.tick, "            self.session.settle(before_stops=self._switch)\n", ""),
        ),
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
                "        if isinstance(outcome, Unknown) and order.side == \"buy\":\n"
                "            now = self._clock.now_ms()\n"
                "            self._record([ev.OrderCancelled(at=now, order_id=order.id)])\n"
                "            return True\n"
                "        if isinstance(outcome, Unknown | Unsent):\n            return False",
            ),
        ),
    ),
)


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Have the bug in the program, as long as this lasts."""
    with ExitStack() as stack:
        texts: dict[Any, str] = {}
        for function, old, new in bug.changes:
            text = texts.get(function) or textwrap.dedent(inspect.getsource(function))
            if "." in function.__qualname__:
                # The source of a method is read without its class's indentation.
                old, new = _outdented(old), _outdented(new)
            assert text.count(old) == 1, f"{bug.name}: {text.count(old)} times {old!r}"
            texts[function] = text.replace(old, new)
        for function, text in texts.items():
            stack.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = _compiled(function, text)
        yield


def _outdented(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(line[4:] if line.startswith("        ") else line for line in lines)


def _compiled(function: FunctionType, text: str) -> Any:
    names: dict[str, Any] = {}
    # The program's own text with one change, in the function's own module.
    exec(compile(text, f"<{function.__name__}>", "exec"), function.__globals__, names)  # noqa: S102  # that is how a bug is planted
    return names[function.__name__].__code__


def hunt(bug: Bug, worlds: int, first: int = 1) -> Result | None:
    """Return the first world that fails by the bug, and holds without it; None where none does."""
    for seed in range(first, first + worlds):
        with planted(bug):
            result = run_world(drawn(seed))
        if result.failure and not run_world(drawn(seed)).failure:
            return result
    return None
