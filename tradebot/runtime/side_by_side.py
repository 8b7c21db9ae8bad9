"""Books and exchange beside each other, coin by coin and order by order, for a person to look at.

Law: nothing here asks or writes; what differs is said by the same rules as while the bot runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from tradebot.engine.booking import book_fill
from tradebot.engine.compare import Difference, Sight, compare_coins, is_settled
from tradebot.engine.compare_orders import KnownOrder, compare_orders, unbooked_fills
from tradebot.engine.remedies import CAUSE, NOTED
from tradebot.engine.state import State
from tradebot.model.account import Position, TradingState
from tradebot.model.event import DifferenceFound
from tradebot.model.money import MONEY_CONTEXT, ZERO, plain
from tradebot.model.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """A coin three ways: by the books, by them with all fills of our orders, by its balance."""

    coin: str
    journal: Decimal
    fills: Decimal
    exchange: Decimal
    difference: Difference | None
    is_ignored: bool

    @property
    def gap(self) -> Decimal:
        """What the exchange has more than the books."""
        return MONEY_CONTEXT.subtract(self.exchange, self.journal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """An order both ways: those that are out, and those that differ."""

    order_id: str
    market: str
    journal: str
    exchange: str
    difference: Difference | None
    is_ignored: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the journal says waits for a person: differences, and markets that take no entries."""

    found: tuple[DifferenceFound, ...] = ()
    locks: Mapping[str, str] = field(default_factory=dict)
    is_halted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Books and exchange beside each other.

    `is_conclusive`: no order is in doubt, so that balances can be compared.
    """

    coins: tuple[Coin, ...]
    orders: tuple[Ordered, ...]
    is_conclusive: bool
    waiting: Waiting

    @property
    def differences(self) -> list[Difference]:
        """What differs, and was not left as it is."""
        rows: tuple[Coin | Ordered, ...] = (*self.orders, *self.coins)
        return [row.difference for row in rows if row.difference and not row.is_ignored]

    @property
    def is_agreed(self) -> bool:
        """Whether nothing differs, and nothing waits for a word."""
        return self.is_conclusive and not self.differences and not self.waiting.locks


def waiting(state: State) -> Waiting:
    """Return what waits for a person by the journal alone."""
    return Waiting(
        tuple(state.differences.found.values()),
        {market: reason for (market, cause), reason in state.locks.items() if cause == CAUSE},
        state.trading is TradingState.HALTED,
    )


def side_by_side(
    state: State, sight: Sight, older: Mapping[str, KnownOrder]
) -> Compared:
    """Return books and exchange beside each other; `older` are orders that the state let go."""
    return Compared(
        coins=_coins(state, sight, older),
        orders=_orders(state, sight, compare_orders(state, sight, older)),
        # Fills that stay missing are what a person is asked about.
        is_conclusive=is_settled(state, sight, ()),
        waiting=waiting(state),
    )


def home(state: State, subject: str, markets: Sequence[str] = ()) -> str:
    """Return where a subject belongs: its market, or the coin where it is no market's base."""
    for name, market in state.markets.items():
        if subject in (name, market.symbol, market.base):
            return name
    order = state.orders.get(subject)
    if order is not None:
        return order.market
    return markets[0] if len(markets) == 1 else subject


def is_clear(state: State, market: str) -> bool:
    """Return whether nothing that waits for a word concerns the market."""
    waits = [each for each in state.differences.found.values() if each.kind not in NOTED]
    homes = {home(state, each.subject) for each in waits}
    # Missing cash, and an order of which only the exchange knows, concern every market.
    return not any(each == market or each not in state.markets for each in homes)


def _coins(
    state: State, sight: Sight, older: Mapping[str, KnownOrder]
) -> tuple[Coin, ...]:
    told = _told(state, sight, older)
    differences = compare_coins(state, sight.balances, sight.open_filled)
    found = {home(state, each.subject): each for each in differences}
    rows = []
    for coin in sorted({*state.balances, *(market.base for market in state.markets.values())}):
        journal = state.balances.get(coin, ZERO)
        difference = found.get(home(state, coin))
        rows.append(
            Coin(
                coin=coin,
                journal=journal,
                fills=MONEY_CONTEXT.add(journal, told.get(coin, ZERO)),
                exchange=sight.balances.get(coin, ZERO),
                difference=difference,
                is_ignored=_is_ignored(state, difference),
            )
        )
    return tuple(rows)


def _told(
    state: State, sight: Sight, older: Mapping[str, KnownOrder]
) -> dict[str, Decimal]:
    """Return what the fills of our orders that are not booked would change, by coin."""
    changes: dict[str, Decimal] = {}
    with localcontext(MONEY_CONTEXT):
        for market, listed in unbooked_fills(state, sight, older):
            _, more = book_fill(state.markets[market], Position(), listed.side, listed.fill)
            for coin, change in more.items():
                changes[coin] = changes.get(coin, ZERO) + change
    return changes


def _orders(
    state: State, sight: Sight, differences: Sequence[Difference]
) -> tuple[Ordered, ...]:
    differing = {each.subject: each for each in differences}
    rows = [
        Ordered(
            order_id=each.subject,
            market=home(state, each.subject, each.markets),
            journal=each.journal or "not known",
            exchange=each.exchange,
            difference=each,
            is_ignored=_is_ignored(state, each),
        )
        for each in differences
    ]
    rows += [
        Ordered(
            order_id=order.id,
            market=order.market,
            journal=f"{order.status}, filled {plain(order.filled)}",
            exchange=_shown(sight, order),
            difference=None,
            is_ignored=False,
        )
        for order in state.orders.unsettled.values()
        if order.id not in differing
    ]
    return tuple(rows)


def _shown(sight: Sight, order: Order) -> str:
    filled = sight.open_filled.get(order.id)
    return "not open" if filled is None else f"open, filled {plain(filled)}"


def _is_ignored(state: State, difference: Difference | None) -> bool:
    return difference is not None and state.differences.is_ignored(*difference.name)
