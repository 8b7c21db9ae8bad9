"""Fees in a coin that no market trades, over the real client and HTTP: bought, guarded, sold.

The exchange charges a thousandth in BNB, one of which is worth 500 USDT; a BTC is worth 100.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from tests.contract.test_reconcile import CANDLES, CountingServer, Instance, bot, taken
from tests.support.builders import BTC, HOUR, d, started
from tests.support.sandbox import book
from tradebot.engine.compare import COINS_APART_MS
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Leg
from tradebot.research.report import report
from tradebot.runtime.side_by_side import side_by_side
from tradebot.sandbox.listing import FeeCoin

BNB = FeeCoin("BNB", Decimal(500))


@contextmanager
def trading(amount: str, text: str = CANDLES) -> Iterator[tuple[CountingServer, Instance]]:
    """Yield an exchange with so much BNB on the account, and a bot of which no market trades it."""
    made = book(text, cash={"USDT": "1000", "BNB": amount}, fee_coin=BNB)
    server = CountingServer(made)
    try:
        # As on an account: the journal begins with the coins of its markets alone.
        coins = {"USDT": d("1000"), "BTC": d("0")}
        begun = replace(started(), at=made.now, balances=coins)
        with bot(server, f"{server.start()}/api/v3", history=[begun]) as one:
            yield server, one
    finally:
        server.stop()


def hour(server: CountingServer, one: Instance, *, is_long: bool) -> None:
    server.advance_to(server.book.now + HOUR)
    one.session.settle()
    one.step(is_long=is_long)


def agree(one: Instance) -> None:
    """Check every coin that the books hold against the exchange's, to the last unit."""
    assert one.state.balances == one.session.exchange_balances()
    assert not one.state.differences.found
    assert not one.state.locks
    assert one.state.trading is TradingState.ACTIVE


def kept(one: Instance) -> list[tuple[str, Decimal, Decimal]]:
    """Return every balance that the books took over."""
    return [
        (each.asset, each.before, each.after)
        for each in one.journal.events()
        if isinstance(each, ev.BalanceAdjusted)
    ]


def test_bought_and_sold_with_fees_in_bnb_all_is_guarded_and_the_books_are_the_exchange_s() -> None:
    with trading("1") as (server, one):
        hour(server, one, is_long=True)
        held = one.state.positions[BTC]
        assert held.quantity == held.bought == d("4"), "the fee took nothing of what was bought"
        (stop,) = one.state.orders.of(BTC)
        assert (stop.leg, stop.quantity) == (Leg.STOP, held.bought)
        assert "BNB" not in one.state.balances, "nobody owes what was paid with the owner's coin"
        # A thousandth of 400 USDT, at 500 a coin.
        assert one.state.third_fees == {"BNB": d("0.0008")}
        one.look()
        assert kept(one) == [("BNB", d(0), d("0.9992"))]
        agree(one)
        hour(server, one, is_long=False)
        assert one.state.positions[BTC].quantity == 0
        agree(one)
        one.look()
        agree(one)
        assert len(kept(one)) == 1
        made = report(one.journal.events())
    assert made.fees == made.third_fees == {"BNB": d("0.0016")}
    assert (made.trades, made.net, made.equity) == (1, 0, 1000), "no price of BNB is made up"


def test_fee_moves_to_what_is_received_once_bnb_has_run_out_and_back() -> None:
    with trading("0.001") as (server, one):
        hour(server, one, is_long=True)
        one.look()
        hour(server, one, is_long=False)
        hour(server, one, is_long=True)
        held = one.state.positions[BTC]
        assert held.quantity < held.bought, "this fee was taken from the coins bought"
        (stop,) = one.state.orders.of(BTC)
        assert (stop.leg, stop.quantity) == (Leg.STOP, held.sellable)
        one.look()
        agree(one)
        assert one.state.balances["BNB"] == d("0.0002")
        # The owner buys some: that is his, and it pays again.
        taken(server, "BNB", "-1")
        one.look()
        assert one.kinds() == {"coins_more"}
        assert not one.state.locks
        hour(server, one, is_long=False)
        paid = [each.fill for each in one.journal.events() if isinstance(each, ev.FillBooked)]
        assert [each.fee_asset for each in paid] == ["BNB", "USDT", "BTC", "BNB"]
        made = report(one.journal.events())
    assert set(made.fees) == {"BNB", "BTC", "USDT"}
    assert made.third_fees == {"BNB": made.fees["BNB"]}


def test_restart_before_and_after_the_coin_is_kept_finds_nothing() -> None:
    with trading("1") as (server, one):
        url = f"{one.client.raw.urls['api']['public']}"
        hour(server, one, is_long=True)
        for _ in range(2):
            # A person who looks before the bot has looked sees no difference either.
            with bot(server, url, history=list(one.journal.events())) as again:
                assert again.state == one.state
                sight = again.reconciler.look_at_all()
                seen = side_by_side(again.state, sight, {})
                assert seen.is_agreed
                assert {each.coin for each in seen.coins} == set(again.state.balances) | {"BTC"}
                again.look()
                agree(again)
            one.look()
        # And it does so again without a word.
        assert len(kept(one)) == 1


def test_coin_of_which_nothing_is_left_is_kept_once_too() -> None:
    with trading("0.0008") as (server, one):
        hour(server, one, is_long=True)
        one.look()
        assert kept(one) == [("BNB", d(0), d(0))]
        asked = server.requests["account"]
        server.advance_to(server.book.now + COINS_APART_MS)
        one.reconciler.tick(server.now_ms())
        assert server.requests["account"] == asked, "nothing is in doubt any more"
        agree(one)


def test_stop_that_fills_pays_in_bnb_and_the_books_follow() -> None:
    with trading("1", "100 100 100/100/90/90 90 90 90") as (server, one):
        hour(server, one, is_long=True)
        one.look()
        server.advance_to(server.book.now + HOUR)
        one.session.settle()
        assert not one.state.positions[BTC].is_open
        fill = list(one.journal.events())[-1]
        assert isinstance(fill, ev.FillBooked)
        assert fill.fill.fee_asset == "BNB"
        agree(one)


def test_bnb_taken_by_hand_is_not_the_bot_s_and_locks_nothing() -> None:
    with trading("1") as (server, one):
        hour(server, one, is_long=True)
        one.look()
        taken(server, "BNB", "0.5")
        one.look()
        assert one.kinds() == {"coins_less"}
        (found,) = one.state.differences.found.values()
        assert found.text.endswith("0.5 less; not the bot's, left alone")
        assert not one.state.locks
        taken(server, "BNB", "-0.5")
        one.look()
        agree(one)

