"""The emergency stop where the exchange has lost our orders: nothing keeps it from selling."""

from dataclasses import dataclass

from tests.support.bot import NOW
from tests.support.bot import Bot as FakeBot
from tests.support.builders import BTC, ETH, rules
from tests.support.fakes import FakeClock
from tradebot.model.order import Leg, OrderStatus
from tradebot.runtime.kill_clear import Killed, clear_with
from tradebot.runtime.session import Session


@dataclass
class Reopened:
    """What the stop needs of a bot."""

    session: Session
    clock: FakeClock


def test_orders_that_the_exchange_lost_do_not_keep_a_position_from_being_sold() -> None:
    """Symptom: after a testnet was wiped, `kill --flatten` cancelled nothing and sold nothing."""
    bot = FakeBot("filled", "accepted", "filled", by=rules(stop_ppm=50_000))
    bot.step()
    stop = bot.order(Leg.STOP)
    held = bot.state.positions[BTC].sellable
    del bot.broker.reports[stop.id]
    bot.clock.now = NOW + 3_600_000
    bot.price()
    result = Killed()
    clear_with(Reopened(bot.session, bot.clock), result, rules(), is_flattening=True)  # type: ignore[arg-type]  # all that it uses
    assert bot.order(Leg.STOP).status is OrderStatus.EXPIRED
    assert result.sold == {BTC: held}
    assert result.left == {}
    assert result.problems == []


def test_order_that_cannot_be_read_keeps_no_other_from_being_cancelled_and_sold() -> None:
    """Symptom: one answer of 503, and `kill --flatten` cancelled nothing and sold nothing."""
    bot = FakeBot("filled", "accepted", "unknown", "filled", by=rules(stop_ppm=50_000,
                  fraction_ppm=400_000), markets=2)  # fmt: skip
    bot.step_all("100 100")
    doubtful = next(each for each in bot.state.orders.unsettled.values() if each.market == ETH)
    bot.broker.unreachable = {doubtful.id}
    bot.broker.script = ["filled"] * 4
    bot.price()
    result = Killed()
    clear_with(Reopened(bot.session, bot.clock), result, rules(), is_flattening=True)  # type: ignore[arg-type]  # all that it uses
    assert (list(result.sold), result.left) == ([BTC], {})
    assert result.cancelled == 1
    assert result.problems == [
        "the exchange cannot be reached",
        "some orders are not settled yet: `tradebot status` names them",
    ]
