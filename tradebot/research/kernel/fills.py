"""What a fill does to the books of the loop: cash, coins, and the trade that it ends.

Law: the same changes as `engine.booking` and `sandbox.listing.charge` make, in units.
"""

from collections.abc import Sequence

from tradebot.engine.rules.costs import buy_price, fee, notional, sell_price, sellable
from tradebot.engine.track import TRADES_KEPT_MAX
from tradebot.research.kernel.layout import (
    BUY,
    MESSAGES_KEPT,
    SELL,
    Account,
    Book,
    Fill,
    Terms,
)


def worth_at(book: Book, price: int, quantity: int) -> int:
    """Return what a quantity of a market is worth at a price, in cash units."""
    return notional(price, quantity, book.lot, book.lot_cash)


def lots(book: Book, quantity: int) -> int:
    """Return what of a quantity can be sold: whole lots, as many as the exchange takes."""
    whole = sellable(quantity, book.lot)
    return whole if whole >= book.quantity_min else 0


def message(account: Account, at: int) -> None:
    """Count an order or a cancel."""
    account.sent[account.sent_count % MESSAGES_KEPT] = at
    account.sent_count += 1


def bought(
    book: Book,
    account: Account,
    terms: Terms,
    fills: Sequence[Fill],
    at: int,
    market_price: int,
    quantity: int,
    why: int,
) -> bool:
    """Book an entry at the market; return whether the account could pay for it."""
    price = buy_price(market_price, terms.slippage_ppm, book.tick)
    paid = worth_at(book, price, quantity)
    charged = fee(quantity if book.fee_in_base else paid, book.taker_ppm)
    if not book.fee_in_base:
        paid += charged
    if account.cash - account.locked < paid:
        return False
    account.cash -= paid
    book.quantity += quantity
    if book.fee_in_base:
        book.quantity -= charged
    book.sellable = lots(book, book.quantity)
    book.entry, book.cost, book.opened_at, book.stop = price, paid, at, 0
    account.errors = 0
    _note_fill(book, account, fills, at, BUY, price, quantity, charged, book.fee_in_base, why)
    return True


def sold(
    book: Book,
    account: Account,
    fills: Sequence[Fill],
    at: int,
    price: int,
    fee_ppm: int,
    why: int,
    bare_at: int,
) -> None:
    """Book the sale of all that is sellable at this price: the trade ends."""
    quantity = book.sellable
    got = worth_at(book, price, quantity)
    charged = fee(got, fee_ppm)
    account.cash += got - charged
    book.quantity -= quantity
    book.sellable = lots(book, book.quantity)
    book.rests_stop = 0
    book.rests_target = 0
    account.errors = 0
    if book.exposure > 0:
        book.spent = 1
    is_stopped = book.stop > 0 and book.stop >= price
    if is_stopped:
        book.stopped_at = at
    gain = got - charged - book.cost
    _note_trade(account, book.index, at, gain, book.cost, is_stopped and gain < 0)
    row = fills[account.fills]
    row.stop, row.bare_at = book.stop, bare_at
    _note_fill(book, account, fills, at, SELL, price, quantity, charged, 0, why)


def sold_at_market(
    book: Book,
    account: Account,
    terms: Terms,
    fills: Sequence[Fill],
    at: int,
    market_price: int,
    why: int,
    bare_at: int,
) -> None:
    """Book the sale of all that is sellable at the market."""
    price = sell_price(market_price, terms.slippage_ppm, book.tick)
    sold(book, account, fills, at, price, book.taker_ppm, why, bare_at)


def _note_fill(
    book: Book,
    account: Account,
    fills: Sequence[Fill],
    at: int,
    side: int,
    price: int,
    quantity: int,
    charged: int,
    in_base: int,
    why: int,
) -> None:
    row = fills[account.fills]
    row.market, row.at, row.side, row.price = book.index, at, side, price
    row.quantity, row.fee, row.fee_in_base, row.why = quantity, charged, in_base, why
    account.fills += 1


def _note_trade(
    account: Account, market: int, at: int, gain: int, cost: int, is_loss: bool
) -> None:
    """Keep an ended trade among the newest, by their time; of the same time in turn."""
    place = account.trades
    while place > 0 and account.trade_at[place - 1] > at:
        _copy_trade(account, place - 1, place)
        place -= 1
    account.trade_at[place], account.trade_market[place] = at, market
    account.trade_gain[place], account.trade_cost[place] = gain, cost
    account.trade_is_loss[place] = 1 if is_loss else 0
    if account.trades < TRADES_KEPT_MAX:
        account.trades += 1
        return
    for row in range(TRADES_KEPT_MAX):
        _copy_trade(account, row + 1, row)


def _copy_trade(account: Account, source: int, place: int) -> None:
    account.trade_at[place] = account.trade_at[source]
    account.trade_market[place] = account.trade_market[source]
    account.trade_gain[place] = account.trade_gain[source]
    account.trade_cost[place] = account.trade_cost[source]
    account.trade_is_loss[place] = account.trade_is_loss[source]
