"""No unit of any coin is lost or made, whatever trades in whatever pieces, at any moment."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import HOUR, market
from tests.support.sandbox import book, request
from tradebot.model.market import FeeAsset
from tradebot.sandbox.book import Book
from tradebot.sandbox.filters import PRICED
from tradebot.sandbox.listing import (
    OPEN_STATUSES,
    BookOrder,
    Listing,
    Pieces,
    SandboxRejection,
    spent,
)

KINDS = ("market", "limit", "limit_maker", "stop", "stop_limit", "take_profit_limit")
COMMANDS = st.lists(
    st.tuples(
        st.sampled_from((*KINDS, "IOC", "FOK", "oco", "cancel", "wait")),
        st.sampled_from(("buy", "sell")),
        st.integers(min_value=60, max_value=1500),
        st.integers(min_value=85, max_value=115),
        st.integers(min_value=85, max_value=115),
    ),
    min_size=12,
    max_size=40,
)
FEES = st.sampled_from((7, 333, 1000))


STEPS = ("_lock", "_unlock", "_trade", "_end")


def watch(made: Book, opening: dict[str, int]) -> None:
    """Check the book after each of its own steps too, not only between commands."""

    def checked(step: Callable[..., object]) -> Callable[..., object]:
        def act(*given: object, **named: object) -> object:
            result = step(*given, **named)
            check(made, opening)
            return result

        return act

    for name in STEPS:
        setattr(made, name, checked(getattr(made, name)))


def drawn(seed: int) -> Callable[[Listing, BookOrder], Pieces]:
    """Return what cuts every order at random."""
    draw = Random(seed)  # noqa: S311  # a seeded test, no secret

    def pieces(listing: Listing, order: BookOrder) -> Pieces:
        left, lot = order.quantity - order.executed, listing.scale.lot
        taken = left if draw.random() < 0.4 else draw.randrange(1, left // lot + 1) * lot
        cuts = {draw.randrange(1, taken // lot + 1) * lot for _ in range(draw.randrange(3))}
        marks = sorted({0, *cuts, taken})
        sizes = tuple(after - before for before, after in pairwise(marks))
        return Pieces(sizes, taken == left)

    return pieces


def obey(made: Book, number: int, command: tuple[str, str, int, int, int]) -> None:
    """Give one random command; refusals are part of the game."""
    kind, side, lots, first, second = command
    order, name = f"{side} {lots / 1000:.3f}", f"c{number}"
    try:
        if kind == "wait":
            made.advance_to(made.now + first * HOUR // 120)
        elif kind == "cancel":
            made.cancel(made.orders[1 + first % max(1, len(made.orders))])
        elif kind == "oco":
            low, high = sorted((first, second))
            above, below = f"{order} limit_maker {high}", f"{order} stop {low}"
            if side == "buy":
                above, below = f"{order} stop {high}", f"{order} limit_maker {low}"
            made.place_oco(
                request(above, client_id=f"a{number}"),
                request(below, client_id=f"b{number}"),
                list_client_id=f"l{number}",
            )
        elif kind in ("IOC", "FOK"):
            limit = request(f"{order} limit {first}", client_id=name)
            made.place(replace(limit, time_in_force=kind))
        else:
            made.place(request(f"{order} {kind} {first} {second}", client_id=name))
    except (SandboxRejection, KeyError):
        return


def check(made: Book, opening: dict[str, int]) -> None:
    """Check that no unit of a coin is lost or made, and that all that is reserved has its order."""
    expected = dict(opening)
    for trade in made.trades:
        sign = 1 if trade.side == "buy" else -1
        expected["BTC"] += sign * trade.quantity
        expected["USDT"] -= sign * trade.cash
        expected[trade.fee_asset] -= trade.fee
    for coin, units in expected.items():
        reserved = [each.locked for each in made.orders.values() if each.locked_asset == coin]
        assert made.free[coin] + made.locked[coin] == units, coin
        assert made.locked[coin] == sum(reserved), coin
        assert min((made.free[coin], *reserved)) >= 0, coin


def check_orders(made: Book, ppm: int) -> None:
    """Check that every order's status says what its trades say."""
    for order in made.orders.values():
        assert order.executed == sum(trade.quantity for trade in order.trades), order
        assert order.cash == sum(trade.cash for trade in order.trades), order
        listing, left = made.listings[order.symbol], order.quantity - order.executed
        assert (order.status == "FILLED") == (left == 0), order
        assert order.status != "NEW" or order.executed == 0, order
        assert order.status in OPEN_STATUSES or order.locked == 0, order
        assert (order.order_id in made.open_orders) == (order.status in OPEN_STATUSES), order
        assert order.time_in_force != "FOK" or order.executed in (0, order.quantity), order
        assert order.time_in_force == "GTC" or order.status not in OPEN_STATUSES, order
        if order.status == "PARTIALLY_FILLED":
            asset, amount = spent(listing, order.side, order.price, left)
            assert order.kind in PRICED, order
            assert order.executed > 0, order
            assert order.locked_asset == asset, order
            # At most a unit a piece is gone by the rounding of their fees.
            assert 0 <= amount - order.locked <= len(order.trades), order
        for trade in order.trades:
            base = trade.quantity if trade.fee_asset == "BTC" else trade.cash
            assert trade.fee == -(-base * ppm // 1_000_000), trade
    for legs in made.lists.values():
        assert sum(leg.executed > 0 for leg in legs) <= 1, legs
        if any(leg.executed for leg in legs):
            assert any(leg.status == "EXPIRED" and not leg.executed for leg in legs), legs


@settings(max_examples=200, deadline=None)
@given(
    closes=st.lists(st.integers(min_value=85, max_value=115), min_size=8, max_size=12),
    commands=COMMANDS,
    fee_asset=st.sampled_from(FeeAsset),
    ppm=FEES,
    seed=st.integers(min_value=0, max_value=10**6),
)
def test_every_coin_is_conserved_whatever_trades_in_whatever_pieces(
    closes: list[int],
    commands: list[tuple[str, str, int, int, int]],
    fee_asset: FeeAsset,
    ppm: int,
    seed: int,
) -> None:
    rules = market(maker_ppm=ppm, taker_ppm=ppm, fee_asset=fee_asset)
    words = [
        "100 100",
        *(f"100/{max(100, each) + 3}/{min(100, each) - 3}/{each}" for each in closes),
    ]
    made = book(" ".join(words), cash={"USDT": "500", "BTC": "5"}, rules=rules)
    opening = dict(made.free)
    made.pieces = drawn(seed)
    watch(made, opening)
    for number, command in enumerate([*commands, ("wait", "buy", 1, 9000, 1)]):
        obey(made, number, command)
        check(made, opening)
        check_orders(made, ppm)
