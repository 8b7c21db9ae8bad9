"""The loop over closed candles: what waits and rests is filled, then the gate and exits decide.

Law: in the order of the Session at one close: fills, protection of what was filled meanwhile, marks
and trips, and then each market in the order of the names.
"""

from collections.abc import Sequence

from tradebot.engine.rules.exits import trailed_stop
from tradebot.engine.rules.fills import limit_sell_fill, stop_sell_fill
from tradebot.engine.rules.limits import loss_floor
from tradebot.model.timeframe import DAY_MS
from tradebot.research.kernel.fills import bought, sold, sold_at_market
from tradebot.research.kernel.gate import is_held
from tradebot.research.kernel.layout import (
    NEVER,
    SELL,
    Account,
    Book,
    Fill,
    Halt,
    Ints,
    Ruling,
    Tape,
    Terms,
    Tripped,
    Why,
)
from tradebot.research.kernel.orders import enter, entry_stop, exit_why, guard, leave, raise_stop
from tradebot.research.kernel.quiet import skip_quiet

LATEST = 2**62


def run(
    tape: Tape,
    books: Sequence[Book],
    account: Account,
    terms: Terms,
    clusters: Ints,
    fills: Sequence[Fill],
    trips: Sequence[Tripped],
    marks: Ints,
) -> int:
    """Run to the end of the span; return why it gave up, 0 where it did not.

    `marks` has two rows: when, and marked equity.
    """
    happened = -1
    while account.halt == 0:
        # What one candle set off is judged at the next one: it is quiet only after that.
        if len(books) == 1 and account.sent_count + account.fills == happened:
            skip_quiet(tape, books[0], account, terms, marks)
        happened = account.sent_count + account.fills
        at = LATEST
        for m in range(len(books)):
            if books[m].row < books[m].end:
                at = min(at, tape.closed_at[books[m].row])
        if at == LATEST:
            break
        end_waits(tape, books, account, terms, fills, at)
        close_candles(tape, books, account, terms, fills, at)
        mark(books, account, terms, trips, marks, at)
        for m in range(len(books)):
            book = books[m]
            is_wanted = book.exposure > 0 and book.spent == 0
            if book.closed_at == at and (book.sellable or is_wanted) and account.halt == 0:
                decide(books, book, account, terms, clusters, fills, at, tape.high[book.row - 1])
    return account.halt


def end_waits(
    tape: Tape,
    books: Sequence[Book],
    account: Account,
    terms: Terms,
    fills: Sequence[Fill],
    at: int,
) -> None:
    """Fill what waited in gaps that have ended by now."""
    for m in range(len(books)):
        book = books[m]
        row = book.row
        if book.waits and row < book.last and tape.opened_at[row] <= at:
            end_wait(book, account, terms, fills, tape.opened_at[row], tape.open[row])


def close_candles(
    tape: Tape,
    books: Sequence[Book],
    account: Account,
    terms: Terms,
    fills: Sequence[Fill],
    at: int,
) -> None:
    """Let each candle that closes now fill what rests, and put it into the books."""
    for m in range(len(books)):
        book = books[m]
        row = book.row
        if row >= book.end or tape.closed_at[row] != at:
            continue
        opened_at, opened = tape.opened_at[row], tape.open[row]
        high, low = tape.high[row], tape.low[row]
        if book.sellable:
            meet(book, account, terms, fills, opened_at, at, opened, high, low)
        take_in(book, opened_at, at, tape.close[row], tape.exposure[row], tape.mean_range[row])
        row += 1
        book.row = row
        book.is_open = row < book.last and tape.opened_at[row] <= at
        book.price_now = tape.open[row] if book.is_open else book.close


def end_wait(
    book: Book, account: Account, terms: Terms, fills: Sequence[Fill], at: int, price: int
) -> None:
    """Fill what waited in a gap, at the open of the candle after it."""
    side, quantity, why = book.waits, book.waits_quantity, book.waits_why
    account.locked -= book.waits_locked
    book.waits, book.waits_locked, book.price_now, book.is_open = 0, 0, price, 1
    if side == SELL:
        sold_at_market(book, account, terms, fills, at, price, why, book.waits_since)
    elif not bought(book, account, terms, fills, at, price, quantity, why):
        account.halt = Halt.ENTRY_LOST_IN_GAP
    elif not is_held(book):
        account.halt = Halt.HELD_TOO_LITTLE
    else:
        guard(book, account, terms, fills, at, entry_stop(book, terms))


def meet(
    book: Book,
    account: Account,
    terms: Terms,
    fills: Sequence[Fill],
    opened_at: int,
    closed_at: int,
    opened: int,
    high: int,
    low: int,
) -> None:
    """Let the candle that closes fill what rests: the stop before the target."""
    if book.rests_stop:
        price = stop_sell_fill(book.rests_stop, opened, low, terms.slippage_ppm, book.tick)
        if price:
            at = opened_at if opened <= book.rests_stop else closed_at
            sold(book, account, fills, at, price, book.taker_ppm, Why.STOP, at)
            return
    if book.rests_target:
        price = limit_sell_fill(book.rests_target, high)
        if price:
            at = closed_at
            sold(book, account, fills, at, price, book.maker_ppm, Why.TARGET, at)


def take_in(
    book: Book, opened_at: int, at: int, close: int, exposure: int, mean_range: int
) -> None:
    """Put a closed candle and its signal into the books."""
    if exposure <= 0:  # "Hold", too: a signal that is not long ends its episode.
        book.spent, book.refused = 0, 0
    # Whether the candle before this one was decided; the first one has none before it.
    book.is_next = book.closed_at == NEVER or book.closed_at == opened_at
    book.close, book.exposure, book.closed_at = close, exposure, at
    book.mean_range = mean_range


# --- marks and limits on losses -------------------------------------------------------------------


def mark(
    books: Sequence[Book],
    account: Account,
    terms: Terms,
    trips: Sequence[Tripped],
    marks: Ints,
    at: int,
) -> None:
    """Mark equity at the closes, and note the limits that it reaches."""
    equity = account.cash * terms.cash_fine
    for m in range(len(books)):
        book = books[m]
        if book.quantity:
            equity += book.quantity * book.close * book.fine
    if equity > terms.equity_max or equity < 0:
        account.halt = Halt.SIXTY_FOUR_BITS
        return
    if at > account.day_ends:
        account.opening, account.day_ends = account.marked, at + -at % DAY_MS
        account.opening_floor = loss_floor(account.opening, terms.daily_loss_ppm_max)
    account.marked = equity
    if equity > account.peak:
        account.peak = equity
        account.peak_floor = loss_floor(equity, terms.drawdown_ppm_max)
    marks[0, account.marks], marks[1, account.marks] = at, equity
    account.marks += 1
    # Of nothing, nothing is lost.
    is_told = account.daily_day_ends == account.day_ends
    if equity <= account.opening_floor < account.opening and not is_told:
        account.daily_day_ends = account.daily_until = account.day_ends
        if at == account.day_ends:
            account.daily_until += DAY_MS
        trip(account, trips, at, Ruling.DAILY_LOSS_FRACTION_MAX)
    if equity <= account.peak_floor < account.peak:
        trip_once(account, trips, at, Ruling.DRAWDOWN_FRACTION_MAX)
    if 0 < terms.errors_in_a_row_max <= account.errors:
        trip_once(account, trips, at, Ruling.ERRORS_IN_A_ROW_MAX)
    if 0 < terms.entries_per_day_max <= account.entries:
        trip_once(account, trips, at, Ruling.ENTRIES_PER_DAY_MAX)


def trip_once(account: Account, trips: Sequence[Tripped], at: int, limit: int) -> None:
    """Note a limit that trips for good: nobody lifts it in a backtest."""
    if account.tripped_as[limit] == 0:
        trip(account, trips, at, limit)


def trip(account: Account, trips: Sequence[Tripped], at: int, limit: int) -> None:
    """Note that a limit trips."""
    row = trips[account.trips]
    row.at, row.ruling = at, limit
    account.trips += 1
    if account.tripped_as[limit] == 0:
        account.tripped[account.tripped_count] = limit
        account.tripped_count += 1
        account.tripped_as[limit] = account.tripped_count


# --- decisions ------------------------------------------------------------------------------------


def decide(
    books: Sequence[Book],
    book: Book,
    account: Account,
    terms: Terms,
    clusters: Ints,
    fills: Sequence[Fill],
    at: int,
    high: int,
) -> None:
    """Exit or guard what is held, or enter; `high` is the candle's."""
    if not book.sellable:
        if not book.waits:
            enter(books, book, account, terms, clusters, fills, at)
        return
    if not is_held(book):
        account.halt = Halt.HELD_TOO_LITTLE
        return
    level = book.rests_stop
    if terms.trailing_ppm and at > book.opened_at:
        level = trailed_stop(max(level, book.stop), high, terms.trailing_ppm, book.tick)
    why = exit_why(book, terms, at, level)
    if why != Why.NONE:
        leave(book, account, terms, fills, at, why)
    elif level > book.rests_stop:
        raise_stop(book, account, terms, fills, at, level)
