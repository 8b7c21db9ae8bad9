"""Orders of the loop: an entry and what guards it, exits, and stops that rise.

Law: each of them passes the pace; what the exchange would refuse is refused here as there.
"""

from collections.abc import Sequence

from tradebot.engine.rules.costs import buy_price, fee, sell_price
from tradebot.engine.rules.exits import is_time_up, stop_price, target_price
from tradebot.model.timeframe import DAY_MS
from tradebot.research.kernel.fills import bought, message, sold_at_market, worth_at
from tradebot.research.kernel.gate import (
    entries_on,
    entry_quantity,
    has_pace,
    is_held,
    is_known,
    is_off_price,
    ruling,
)
from tradebot.research.kernel.layout import (
    BUY,
    HOLD,
    SELL,
    Account,
    Book,
    Fill,
    Halt,
    Ints,
    Ruling,
    Terms,
    Why,
)
from tradebot.sandbox.filters import PRICE_FACTOR_MAX


def enter(
    books: Sequence[Book],
    book: Book,
    account: Account,
    terms: Terms,
    clusters: Ints,
    fills: Sequence[Fill],
    at: int,
) -> None:
    """Size an entry, have it approved, and buy; then guard what was bought."""
    if is_known(account, book):
        return
    quantity = entry_quantity(books, book, account, terms, clusters)
    refused = ruling(books, book, account, terms, at, quantity)
    if refused == Ruling.APPROVED and is_off_price(book, terms):
        refused = Ruling.PRICE_COLLAR_FRACTION
    if refused != Ruling.APPROVED:
        # Said once per signal.
        if refused != book.refused:
            book.refused = refused
            account.refused[refused] += 1
        return
    message(account, at)
    account.entries = entries_on(account, at) + 1
    account.day = at // DAY_MS
    book.bought_at, book.bought = at, quantity
    price = book.price_now
    locked = worth_at(book, buy_price(price, terms.slippage_ppm, book.tick), quantity)
    if not book.fee_in_base:
        locked += fee(locked, book.taker_ppm)
    if worth_at(book, price, quantity) < book.notional_min:
        reject(account, 1, 0)
        return
    if account.cash - account.locked < locked:
        reject(account, 0, 1)
        return
    account.errors = 0
    if not book.is_open:
        book.waits, book.waits_quantity, book.waits_locked = BUY, quantity, locked
        book.waits_price, book.waits_why = book.close, Why.ENTRY
        account.locked += locked
    elif bought(book, account, terms, fills, at, price, quantity, Why.ENTRY):
        _settle_entry(book, account, terms, fills, at)


def _settle_entry(
    book: Book, account: Account, terms: Terms, fills: Sequence[Fill], at: int
) -> None:
    """Guard what was just bought, or sell it where its stop has been passed already."""
    if not is_held(book):
        account.halt = Halt.HELD_TOO_LITTLE
        return
    level = entry_stop(book, terms)
    why = exit_why(book, terms, at, level)
    if why != Why.NONE:
        leave(book, account, terms, fills, at, why)
    else:
        guard(book, account, terms, fills, at, level)


def exit_why(book: Book, terms: Terms, at: int, level: int) -> int:
    """Return why the position is to be closed now, if it is."""
    if book.exposure != HOLD and book.exposure <= 0:
        return Why.SIGNAL
    if is_time_up(book.opened_at, at, terms.held_ms_max):
        return Why.TIME
    return Why.STOP_PASSED if level >= book.close else Why.NONE


def leave(
    book: Book, account: Account, terms: Terms, fills: Sequence[Fill], at: int, why: int
) -> None:
    """Sell a position at the market, or let the sale wait for the end of a gap.

    What rests is cancelled for it. Only what no stop guards leaves at any pace.
    """
    is_resting = book.rests_stop > 0 or book.rests_target > 0
    is_guarded = book.rests_stop > 0
    book.rests_stop, book.rests_target = 0, 0
    if is_guarded and not has_pace(account, terms, at, 2):
        account.halt = Halt.PACE_OF_EXITS
    if is_resting:
        message(account, at)
    if book.sellable > book.quantity_max:
        account.halt = Halt.SALE_TOO_LARGE
    elif not _is_worth(book, book.price_now):
        account.halt = Halt.SALE_REFUSED
    else:
        message(account, at)
        if book.is_open:
            sold_at_market(book, account, terms, fills, at, book.price_now, why, at)
        else:
            book.waits, book.waits_why, book.waits_since = SELL, why, at


def entry_stop(book: Book, terms: Terms) -> int:
    """Return where the stop of a new position belongs: the nearer distance; 0 = it has none."""
    level = 0
    if terms.stop_ppm:
        level = stop_price(book.entry, terms.stop_ppm, book.tick)
    if terms.trailing_ppm:
        level = max(level, stop_price(book.entry, terms.trailing_ppm, book.tick))
    return level


def _is_worth(book: Book, price: int) -> bool:
    """Return whether a sale of all at this price is worth an order."""
    return worth_at(book, price, book.sellable) >= book.notional_min


def guard(
    book: Book, account: Account, terms: Terms, fills: Sequence[Fill], at: int, level: int
) -> None:
    """Place stop and target, and sell where the exchange does not take them."""
    target = 0
    if terms.target_ppm:
        target = target_price(book.entry, terms.target_ppm, book.tick)
    if level == 0 and target == 0:
        return
    if book.sellable > book.quantity_max:
        account.halt = Halt.SALE_TOO_LARGE
        return
    count = 0
    if level:
        message(account, at)
        book.stop = level
        count += 1
    if target:
        # The stop leaves at any pace, and before it is counted the target is judged with it.
        if not has_pace(account, terms, at, 1):
            account.halt = Halt.PACE_OF_EXITS
            return
        message(account, at)
        count += 1
    price = book.price_now
    is_far = target > price * PRICE_FACTOR_MAX
    is_far = is_far or (target > 0 and not _is_worth(book, target))
    is_due = 0 < target <= sell_price(price, terms.slippage_ppm, book.tick)
    if not is_far and not is_due and level > 0:
        is_far = not _is_worth(book, level)
        is_due = not is_far and price <= level
    if not is_far and not is_due:
        book.rests_stop, book.rests_target, account.errors = level, target, 0
        return
    reject(account, count if is_far else 0, 0 if is_far else count)
    leave(book, account, terms, fills, at, Why.REFUSED)


def reject(account: Account, by_filter: int, otherwise: int) -> None:
    """Count orders that the exchange refused, by one of its filters or not."""
    account.errors += by_filter + otherwise
    account.rejected_by_filter += by_filter
    account.rejected += otherwise


def raise_stop(
    book: Book, account: Account, terms: Terms, fills: Sequence[Fill], at: int, level: int
) -> None:
    """Put a higher stop in the place of the one that rests; with a target, of both."""
    if not has_pace(account, terms, at, 3 if book.rests_target else 2):
        account.halt = Halt.PACE_OF_EXITS
        return
    message(account, at)
    if book.rests_target:
        book.rests_stop, book.rests_target = 0, 0
        guard(book, account, terms, fills, at, level)
        return
    message(account, at)
    book.stop = level
    if book.price_now > level:
        book.rests_stop, account.errors = level, 0
    else:
        reject(account, 0, 1)
        leave(book, account, terms, fills, at, Why.REFUSED)
