"""Candles of one market at which nothing happens: taken in without asking every control.

Law: it stops before a candle that could fill, trip, exit or enter anything; the loop takes that.
"""

from tradebot.research.kernel.layout import HOLD, Account, Book, Ints, Tape, Terms


def skip_quiet(tape: Tape, book: Book, account: Account, terms: Terms, marks: Ints) -> None:
    """Take in the candles up to the next one at which something could happen."""
    if book.waits or terms.trailing_ppm:
        return
    first, row, count = book.row, book.row, account.marks
    is_flat, spent, refused = book.sellable == 0, book.spent, book.refused
    stop, target = book.rests_stop, book.rests_target
    least = _least_price(book)
    last_at = account.day_ends
    if not is_flat and terms.held_ms_max:
        last_at = min(last_at, book.opened_at + terms.held_ms_max - 1)
    cash, worth = account.cash * terms.cash_fine, book.quantity * book.fine
    lowest, highest = max(account.opening_floor, account.peak_floor), account.peak
    while row < book.end and tape.closed_at[row] <= last_at:
        exposure, close = tape.exposure[row], tape.close[row]
        if is_flat:
            if exposure <= 0:
                spent, refused = 0, 0
            elif not spent:
                break
        elif (
            (exposure <= 0 and exposure != HOLD)
            or close < least
            or (stop and tape.low[row] <= stop)
            or (target and tape.high[row] > target)
        ):
            break
        equity = cash + worth * close
        if equity <= lowest or equity > highest:
            break
        marks[0, count], marks[1, count] = tape.closed_at[row], equity
        count += 1
        row += 1
    if row == first:
        return
    account.marks, account.marked = count, marks[1, count - 1]
    book.row, book.closed_at = row, tape.closed_at[row - 1]
    book.close, book.exposure = tape.close[row - 1], tape.exposure[row - 1]
    book.spent, book.refused = spent, refused


def _least_price(book: Book) -> int:
    """Return the lowest close at which what is held is still worth an order."""
    per_price = book.sellable // book.lot * book.lot_cash
    return (book.notional_min + per_price - 1) // per_price if per_price else 0
