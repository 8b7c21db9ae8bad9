"""What befalls an account besides its trades: its owner's hands, a wiped testnet, a closed market.

Law: it happens at the exchange itself; the checker is told of it as of a fact, the bot never. One
that finds nothing to do comes back a little later.
"""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Protocol

from tests.simulation.checker import Checker
from tests.simulation.exchange import PiecesBook
from tests.simulation.ground import Ground
from tests.simulation.names import OTHERS, is_ours
from tests.simulation.options import BY_HAND, DAILY, HOUR, MINUTE, MORE_DAILY
from tests.simulation.rows import OPEN
from tradebot.engine.rules.costs import notional
from tradebot.model.money import from_units
from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.listing import BookOrder, Listing, OrderRequest, SandboxRejection

HALTS_MS = (HOUR, 8 * HOUR)
OTHERS_MS = (10 * MINUTE, 12 * HOUR)
AGAIN_MS, TRIES_MAX = 20 * MINUTE, 12

# One mishap: `until` is the end of the time in which things go wrong; False = nothing to do now.
Act = Callable[[int], bool]


class Place(Protocol):
    """What is needed of the world around it."""

    now: int

    def later(self, time: int, arrive: Callable[[], object]) -> None:
        """Do something at that time."""
        ...

    def happened(self, fault: str) -> None:
        """Count a fault."""
        ...


class Mishaps:
    """Draws when each one comes, and does it. `acts` are those that are not the account's."""

    def __init__(
        self,
        world: Place,
        ground: Ground,
        checker: Checker,
        draw: Random,
        acts: dict[str, Act],
    ) -> None:
        self._world = world
        self._ground = ground
        self._book: PiecesBook = ground.book
        self._checker = checker
        self._draw = draw
        self._phase = 0
        self._number = 0
        self._acts: dict[str, Act] = {
            **acts,
            "halt": self._halt,
            "cancel_by_hand": self._cancel,
            "vanish": self._vanish,
            "cash_by_hand": self._move_cash,
            "coins_taken": self._take_coins,
            "coins_paid_in": self._pay_in,
            "order_of_others": self._place_other,
        }

    # --- when -----------------------------------------------------------------------------------

    def begin(self, until: int, days: float) -> None:
        """Draw what happens from now on until then."""
        self._phase += 1
        phase, now = self._phase, self._world.now
        rates = self._ground.options.faults
        for name in (*DAILY, *MORE_DAILY, *BY_HAND):
            for _ in range(int(rates[name] * days + self._draw.random())):
                at = self._draw.randrange(now, until)
                self._later(at, name, phase, until, TRIES_MAX)

    def heal(self) -> None:
        """Let nothing more happen, and every market take orders."""
        self._phase += 1
        self._book.halted.clear()

    def _later(self, at: int, name: str, phase: int, until: int, tries: int) -> None:
        def arrive() -> None:
            if phase != self._phase:
                return
            if self._acts[name](until):
                self._world.happened(name)
            elif tries > 1:
                again = self._world.now + self._draw.randrange(MINUTE, AGAIN_MS)
                self._later(again, name, phase, until, tries - 1)

        self._world.later(at, arrive)

    # --- orders ---------------------------------------------------------------------------------

    def _ours(self) -> list[BookOrder]:
        """Return our orders that rest."""
        return [
            each
            for each in self._book.open_orders.values()
            if is_ours(each.client_id) and each.kind is not OrderKind.MARKET
        ]

    def _cancel(self, until: int) -> bool:
        """Cancel an order of ours, as its owner does on the exchange's own page."""
        orders = self._ours()
        if orders:
            self._cancel_one(self._draw.choice(orders))
        return bool(orders)

    def _cancel_one(self, order: BookOrder) -> None:
        for each in self._book.cancel(order):
            self._checker.taken_away(self._world.now, each.client_id, "cancelled by hand")

    def _vanish(self, until: int) -> bool:
        """Forget an order of which the books know all: how should they learn the rest?"""
        orders = [each for each in self._ours() if self._is_known(each)]
        if not orders:
            return False
        for each in self._book.vanish(self._draw.choice(orders)):
            self._checker.there[each.client_id].is_vanished = True
            self._checker.taken_away(self._world.now, each.client_id, "vanished")
        return True

    def _is_known(self, order: BookOrder) -> bool:
        for each in self._ours():
            if each is order or (order.list_id >= 0 and each.list_id == order.list_id):
                told = self._checker.orders[each.client_id]
                there = self._checker.there[each.client_id]
                if told.status not in OPEN or told.filled != there.filled:
                    return False
        return True

    def _place_other(self, until: int) -> bool:
        """Place an order without our mark, far under the market, and cancel it some time later."""
        listing = self._a_listing()
        price = self._book.price_now(listing)
        if price is None:
            return False
        low = price // 2 // listing.scale.tick * listing.scale.tick
        cash = self._book.free[listing.market.quote] * self._draw.randint(5, 20) // 100
        lot_worth = notional(low, listing.scale.lot, listing.scale.lot, listing.scale.lot_cash)
        quantity = cash // max(lot_worth, 1) * listing.scale.lot
        order = self._placed(
            listing, side=Side.BUY, kind=OrderKind.LIMIT, quantity=quantity, price=low
        )
        if order is None:
            return False
        end = self._world.now + self._draw.randrange(*OTHERS_MS)
        self._world.later(end, lambda: self._cancel_other(order))
        return True

    def _placed(
        self, listing: Listing, *, side: Side, kind: OrderKind, quantity: int, price: int = 0
    ) -> BookOrder | None:
        """Place an order of somebody else's; None where it is refused."""
        self._number += 1
        request = OrderRequest(
            symbol=listing.symbol,
            side=side,
            kind=kind,
            quantity=quantity,
            client_id=f"{OTHERS}{self._number}",
            price=price,
        )
        with suppress(SandboxRejection):
            return self._book.place(request)
        return None

    def _cancel_other(self, order: BookOrder) -> None:
        if order.order_id in self._book.open_orders:
            self._book.is_others_doing = True
            self._book.cancel(order)
            self._book.is_others_doing = False

    # --- coins ----------------------------------------------------------------------------------

    def _a_listing(self) -> Listing:
        symbol = self._draw.choice(sorted(self._book.listings))
        return self._book.listings[symbol]

    def _move(self, what: str, coin: str, units: int, decimals: int) -> None:
        self._book.free[coin] += units
        self._checker.moved(self._world.now, what, {coin: from_units(units, decimals)})

    def _move_cash(self, until: int) -> bool:
        """Pay quote in, or take some of it or all out, as far as no order has locked it."""
        listing = self._a_listing()
        quote, decimals = listing.market.quote, listing.scale.cash_decimals
        free = self._book.free[quote]
        if free > 1 and self._draw.random() < 0.6:
            most = free if self._draw.random() < 0.3 else free // 4 + 1
            self._move("cash taken out", quote, -self._draw.randint(1, most), decimals)
        else:
            amount = self._draw.randint(1, 3_000 * 10**decimals)
            self._move("cash paid in", quote, amount, decimals)
        return True

    def _pay_in(self, until: int) -> bool:
        """Pay base coins in."""
        listing = self._a_listing()
        units = self._draw.randint(1, 10**listing.scale.quantity_decimals)
        self._move("coins paid in", listing.market.base, units, listing.scale.quantity_decimals)
        return True

    def _take_coins(self, until: int) -> bool:
        """Sell base coins or take them out; to have the bot's, its stop is cancelled first."""
        held = [name for name, quantity in self._checker.coins.held.items() if quantity > 0]
        if not held:
            return False
        name = self._draw.choice(held)
        listing = next(
            each for each in self._book.listings.values() if each.market.name == name
        )
        if self._draw.random() < 0.7:
            for each in self._ours():
                is_open = each.order_id in self._book.open_orders
                if is_open and each.symbol == listing.symbol and each.side is Side.SELL:
                    self._cancel_one(each)
        free = self._book.free[listing.market.base]
        if free <= 0:
            return False
        units = free if self._draw.random() < 0.3 else self._draw.randint(1, free)
        if self._draw.random() < 0.5 and self._is_sold(listing, units):
            return True
        decimals = listing.scale.quantity_decimals
        self._move("coins taken out", listing.market.base, -units, decimals)
        return True

    def _is_sold(self, listing: Listing, units: int) -> bool:
        if not self._book.is_trading(listing):
            return False
        lots = units // listing.scale.lot * listing.scale.lot
        sold = self._placed(listing, side=Side.SELL, kind=OrderKind.MARKET, quantity=lots)
        return sold is not None

    # --- markets --------------------------------------------------------------------------------

    def _halt(self, until: int) -> bool:
        """Close a market: no orders from now on, and from the next candle on none of these."""
        listing, frame = self._a_listing(), self._ground.options.timeframe_ms
        begin = self._world.now // frame * frame + frame
        end = (begin + self._draw.randrange(*HALTS_MS)) // frame * frame
        end = min(end, until // frame * frame)
        if listing.symbol in self._book.halted or end <= begin:
            return False
        self._book.halt(listing.symbol, begin, end)
        self._ground.columns[listing.market.name].take_out(begin, end)
        self._world.later(end, lambda: self._book.halted.discard(listing.symbol))
        return True

