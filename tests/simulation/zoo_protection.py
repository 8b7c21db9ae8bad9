"""Bugs of the bound on time without a stop: those that worlds show, and those that a test shows."""

from tests.simulation.zoo import Bug
from tradebot.engine import decide, protect, unprotected
from tradebot.runtime.guarding import Guard
from tradebot.runtime.session import Session
from tradebot.runtime.trader import Trader

BARE_BUGS = (
    Bug(
        "the guard gives up after one try",
        ((Guard._deal_with, "elif self._clock.now_ms() >= bare.due", "elif not bare.is_tried"),),
    ),
    Bug(
        "the owner is not called",
        ((Guard._page, "if now - since < after_ms", "if now > 0"),),
    ),
    Bug(
        "the owner is called, and the market stays open",
        (
            (
                Guard._page,
                "                ev.MarketLocked(\n"
                "                    at=now, market=market, cause=CAUSE,"
                ' reason="its position has no stop"\n'
                "                ),\n",
                "",
            ),
        ),
    ),
    Bug(
        "the lock is never lifted",
        ((Guard.watch, "            self._lift()\n", "            pass\n"),),
        is_quick=True,
    ),
    Bug(
        "a restart winds the clock back",
        ((Guard._since, "return self._begun if since is None else since", "return self._begun"),),
    ),
    Bug(
        "what is bare or in doubt is no hurry",
        (
            (
                Trader.wake_after,
                "if self.session.is_urgent():",
                "if False:",
            ),
        ),
        test=(
            "tests.unit.runtime.test_wakes",
            "test_virtual_time_stops_every_two_seconds_while_an_order_is_in_doubt",
        ),
    ),
    Bug(
        "nobody guards what was filled between candles",
        ((Session.protect, "self._guard.watch()", "pass"),),
    ),
    Bug(
        "a sale is made beside an order in doubt",
        ((protect.is_moving, "order.status in IN_DOUBT or ", ""),),
    ),
    Bug(
        "an exit that failed is forgotten",
        (
            (Guard.watch, "if self._session.state.feed.unwanted", "if False"),
            (decide.decide, "if not reason and exposure_ppm is None and", "if False and"),
        ),
    ),
    # Worlds do not show these, since the stop that is refused is sold at once, and a price that
    # falls under it is sold by the next try.
    Bug(
        "protecting lasts for ever",
        (
            (
                Guard._try,
                "is_protecting = age < PROTECTING_MS or not bare.was_protecting",
                "is_protecting = True",
            ),
        ),
        test=(
            "tests.unit.runtime.test_guarding",
            "test_stop_is_tried_at_every_look_for_ten_seconds_then_sale_and_stop_in_turn",
        ),
    ),
    Bug(
        "the bot does not look at the price while the stop is missing",
        ((Guard._sell_at_price, "if price is not None and", "if False and"),),
        test=(
            "tests.unit.runtime.test_guarding",
            "test_price_at_the_missing_stop_does_not_wait_for_the_next_try",
        ),
    ),
    Bug(
        "tries end when the owner is called",
        ((Guard._try, "bare.due = now + bare.wait", "bare.due = 2**62"),),
        test=(
            "tests.unit.runtime.test_guarding",
            "test_tries_go_on_for_ever_after_10_20_40_and_every_60_seconds",
        ),
    ),
    Bug(
        "a lost stop is missing from when its end was told",
        (
            (
                unprotected._moment,
                "return trip.cancels.pop(order.id, (event.at, event.at))[0]",
                "return event.at",
            ),
        ),
        test=(
            "tests.unit.engine.test_unprotected",
            "test_cancel_without_an_answer_counts_from_when_it_was_sent",
        ),
    ),
)
