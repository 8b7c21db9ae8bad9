"""What differs between our books and the exchange, and what each difference asks for.

Law: nothing here acts. Coins that are not ours are left alone; every amount is compared to its last
digit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradebot.engine.state import State
from tradebot.model.account import Position
from tradebot.model.money import MONEY_CONTEXT, ZERO, plain
from tradebot.model.order import RESTING, ListedFill, ListedOrder, Side

# Two looks at once would see the same stale replica: a difference in doubt counts when seen twice.
APART_MS = 10_000
# Balances may be older than lists: a position is not given up for those of before its purchase.
COINS_APART_MS = 30_000


class Remedy(StrEnum):
    """What a difference asks for."""

    HALT = "halt"  # somebody else trades this account, or our journal is not the newest
    SETTLE = "settle"  # asking about the order may end it; else its market is locked
    LOCK = "lock"  # no entries until a person has looked
    SHRINK = "shrink"  # the position is what is there, and its market locked
    TRIM = "trim"  # only a rest too small to sell has gone: the books follow
    KEEP = "keep"  # the books take the balance over, and keep it from now on
    NOTE = "note"  # named, and left alone


class Kind(StrEnum):
    """What there is to differ."""

    ORDER_NOT_IN_JOURNAL = "order_not_in_journal"
    OTHER_BOT = "other_bot"
    ORDER_TWICE = "order_twice"
    ORDER_REVIVED = "order_revived"
    ORDER_OPEN_UNEXPECTEDLY = "order_open_unexpectedly"
    ORDER_GONE = "order_gone"
    FILLS_MISSING = "fills_missing"
    FILLS_UNPROVED = "fills_unproved"
    POSITION_SHORT = "position_short"
    REST_SHORT = "rest_short"
    CASH_SHORT = "cash_short"
    CASH_MORE = "cash_more"
    COINS_MORE = "coins_more"
    COINS_LESS = "coins_less"
    FEE_COIN = "fee_coin"


REMEDIES = {
    Kind.ORDER_NOT_IN_JOURNAL: Remedy.HALT,
    Kind.OTHER_BOT: Remedy.HALT,
    Kind.ORDER_TWICE: Remedy.HALT,
    Kind.ORDER_REVIVED: Remedy.HALT,
    Kind.ORDER_OPEN_UNEXPECTEDLY: Remedy.SETTLE,
    Kind.ORDER_GONE: Remedy.SETTLE,
    Kind.FILLS_MISSING: Remedy.SETTLE,
    Kind.FILLS_UNPROVED: Remedy.LOCK,
    Kind.POSITION_SHORT: Remedy.SHRINK,
    Kind.REST_SHORT: Remedy.TRIM,
    Kind.CASH_SHORT: Remedy.LOCK,
    Kind.CASH_MORE: Remedy.NOTE,
    Kind.COINS_MORE: Remedy.NOTE,
    Kind.COINS_LESS: Remedy.NOTE,
    Kind.FEE_COIN: Remedy.KEEP,
}
OF_COINS = frozenset(
    {
        Kind.POSITION_SHORT,
        Kind.REST_SHORT,
        Kind.CASH_SHORT,
        Kind.CASH_MORE,
        Kind.COINS_MORE,
        Kind.COINS_LESS,
        Kind.FEE_COIN,
    }
)
# A list that lags shows too little; what it shows too much of is there.
SURE_AT_ONCE = frozenset(
    {Kind.ORDER_NOT_IN_JOURNAL, Kind.OTHER_BOT, Kind.ORDER_TWICE, Kind.ORDER_REVIVED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing of which books and exchange tell different stories.

    `subject` is an order's id, a market or a coin; `markets` are those it concerns; the same `mark`
    is the same difference, whatever the books have done since.
    """

    kind: Kind
    subject: str
    mark: str
    journal: str
    exchange: str
    text: str
    markets: tuple[str, ...] = ()

    @property
    def remedy(self) -> Remedy:
        """What it asks for."""
        return REMEDIES[self.kind]

    @property
    def name(self) -> tuple[str, str, str]:
        """What makes it this difference and no other."""
        return self.kind.value, self.subject, self.mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the exchange showed in one look; of orders and fills, the markets that were asked."""

    balances: Mapping[str, Decimal]
    open_filled: Mapping[str, Decimal]
    orders: Mapping[str, Sequence[ListedOrder]]
    fills: Mapping[str, Sequence[ListedFill]]

    def order_ids(self) -> set[str]:
        """Return the id of every order of ours that is shown."""
        listed = {each.order_id for orders in self.orders.values() for each in orders}
        return listed | set(self.open_filled)


def is_settled(state: State, sight: Sight, orders: Sequence[Difference]) -> bool:
    """Return whether balances can be compared: no order is in doubt, and no fill on its way.

    `orders` are the orders that differ.
    """
    # The list of open orders may be older than what tells of a fill, and than the balances.
    has_all_fills = not any(each.kind is Kind.FILLS_MISSING for each in orders)
    return has_all_fills and all(
        order.status in RESTING and sight.open_filled.get(order.id) == order.filled
        for order in state.orders.unsettled.values()
    )


def compare_coins(
    state: State, balances: Mapping[str, Decimal], open_filled: Mapping[str, Decimal]
) -> list[Difference]:
    """Return where the account's coins differ from the books', by coin.

    `open_filled` are the orders that are open in the same look: what they would sell is there,
    whatever the balances say, which are then of another time.

    Base coins beyond the bot's position are its owner's: they come and go. So does a third coin in
    which fees are paid; the books hold none of it before they were told how much there is.
    """
    found = []
    bases = {market.base: name for name, market in state.markets.items()}
    for coin in sorted({*state.balances, *bases}):
        total = balances.get(coin, ZERO)
        gap = MONEY_CONTEXT.subtract(total, state.balances.get(coin, ZERO))
        market = bases.get(coin, "")
        held = state.positions.get(market, Position())
        if market and total < min(held.quantity, _locked(state, market, open_filled)):
            continue
        if market and total < held.quantity:
            found.append(_short(market, coin, held, total))
        elif gap:
            found.append(_coin(state, coin, total=total, gap=gap))
    unkept = state.third_fees.keys() - state.balances.keys() - bases.keys()
    found += [_fee_coin(state, coin, balances.get(coin, ZERO)) for coin in sorted(unkept)]
    return found


def _locked(state: State, market: str, open_filled: Mapping[str, Decimal]) -> Decimal:
    """Return what the exchange keeps for a sale of ours that is open; an OCO is one sale."""
    return max(
        (
            MONEY_CONTEXT.subtract(order.quantity, open_filled[order.id])
            for order in state.orders.of(market)
            if order.side is Side.SELL and order.id in open_filled
        ),
        default=ZERO,
    )


def _short(market: str, coin: str, held: Position, total: Decimal) -> Difference:
    is_rest = total >= held.sellable
    what = "only a rest too small to sell has gone" if is_rest else "the bot has not sold it"
    return Difference(
        kind=Kind.REST_SHORT if is_rest else Kind.POSITION_SHORT,
        subject=market,
        mark=plain(MONEY_CONTEXT.subtract(total, held.quantity)),
        journal=plain(held.quantity),
        exchange=plain(total),
        text=f"{symbol_of(market)}: the bot's position is {plain(held.quantity)} {coin} by the "
        f"books, the exchange has {plain(total)}; {what}",
        markets=(market,),
    )


def _coin(state: State, coin: str, *, total: Decimal, gap: Decimal) -> Difference:
    books = plain(state.balances.get(coin, ZERO))
    amount = f"{plain(abs(gap))} {'more' if gap > 0 else 'less'}"
    text = f"{coin}: the books hold {books}, the exchange {plain(total)}: {amount}"
    is_cash = any(market.quote == coin for market in state.markets.values())
    markets: tuple[str, ...] = ()
    if not is_cash:
        kind = Kind.COINS_MORE if gap > 0 else Kind.COINS_LESS
        text += "; not the bot's, left alone"
    elif gap > 0:
        kind = Kind.CASH_MORE
        text += "; the bot does not trade with it until you adopt it"
    else:
        kind, markets = Kind.CASH_SHORT, tuple(sorted(state.markets))
    return Difference(
        kind=kind,
        subject=coin,
        mark=plain(gap),
        journal=books,
        exchange=plain(total),
        text=text,
        markets=markets,
    )


def _fee_coin(state: State, coin: str, total: Decimal) -> Difference:
    paid = plain(state.third_fees[coin])
    return Difference(
        kind=Kind.FEE_COIN,
        subject=coin,
        mark=plain(total),
        journal="",
        exchange=plain(total),
        text=f"{coin}: fees took {paid} of it, the exchange has {plain(total)} left",
        # A fill that is not booked yet would take its fee from what is kept a second time.
        markets=tuple(sorted(state.markets)),
    )


def symbol_of(market: str) -> str:
    """Return what people call a market: `BTC/USDT` of `binance:BTC/USDT`."""
    return market.partition(":")[2]
