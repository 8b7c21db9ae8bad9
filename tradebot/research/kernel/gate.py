"""The size of an entry and the controls that it must pass, as the gate has them.

Law: `engine.sizing` and `engine.risk` say the same with objects; what cannot happen in a backtest
(a halt, a lock, an order in doubt) is not asked.
"""

from collections.abc import Sequence

from tradebot.engine.controls.pace import HOUR_MS, MINUTE_MS, RESERVED_PART
from tradebot.engine.rules.arithmetic import PPM, floor_to, portion, portion_up
from tradebot.engine.rules.costs import affordable_cash, kept
from tradebot.engine.rules.exits import is_stop_clear, stop_price
from tradebot.engine.rules.limits import room_of_equity
from tradebot.engine.rules.sizes import (
    quantity_by_fraction,
    quantity_by_risk,
    quantity_for_cash,
    scaled,
)
from tradebot.model.timeframe import DAY_MS
from tradebot.research.kernel.fills import worth_at
from tradebot.research.kernel.layout import (
    BUY,
    MESSAGES_KEPT,
    NEVER,
    TRIPS,
    Account,
    Book,
    Ints,
    Ruling,
    Terms,
)


def reserved(book: Book) -> int:
    """Return what a waiting entry of one market may still spend, in cash units."""
    return worth_at(book, book.waits_price, book.waits_quantity) if book.waits == BUY else 0


def value_of(book: Book) -> int:
    """Return what a market's position is worth at its last close, in cash units."""
    return worth_at(book, book.close, book.quantity)


def is_held(book: Book) -> bool:
    """Return whether what a market has to sell is worth an order at its last close."""
    worth = worth_at(book, book.close, book.sellable)
    return book.sellable > 0 and worth >= book.notional_min


def nearest_stop(terms: Terms) -> int:
    """Return the distance of the stop that will rest, in ppm; 0 = none."""
    if terms.stop_ppm and terms.trailing_ppm:
        return min(terms.stop_ppm, terms.trailing_ppm)
    return max(terms.stop_ppm, terms.trailing_ppm)


def entry_quantity(
    books: Sequence[Book], book: Book, account: Account, terms: Terms, clusters: Ints
) -> int:
    """Return how much an entry buys at the last close, capped by the limits."""
    price, lot, lot_cash = book.close, book.lot, book.lot_cash
    exposed, out = 0, 0
    for other in range(len(books)):
        exposed += value_of(books[other])
        out += reserved(books[other])
    total = account.cash + exposed
    asked = scaled(_wanted(book, terms, total, price), min(book.exposure, PPM), lot)
    held = value_of(book) + reserved(book)
    room = room_of_equity(total, terms.position_ppm_max, held)
    room = min(room, room_of_equity(total, terms.exposure_ppm_max, exposed + out))
    room = min(room, affordable_cash(max(0, account.cash - out), terms.reserve_ppm))
    room = min(room, book.order_max)
    for cluster in range(len(clusters)):
        if clusters[cluster, book.index]:
            used = _used(books, clusters, cluster)
            room = min(room, room_of_equity(total, terms.cluster_ppm_max, used))
    most = quantity_for_cash(room, price, lot, lot_cash)
    distance = nearest_stop(terms)
    stop = stop_price(price, distance, book.tick) if distance else 0
    if stop < price:
        at_risk = quantity_by_risk(max(0, total), terms.risk_ppm_max, price, stop, lot, lot_cash)
        most = min(most, at_risk)
    return min(asked, min(most, floor_to(book.quantity_max, lot)))


def _used(books: Sequence[Book], clusters: Ints, cluster: int) -> int:
    """Return what the markets of a cluster hold and have out, in cash units."""
    used = 0
    for other in range(len(books)):
        if clusters[cluster, other]:
            used += value_of(books[other]) + reserved(books[other])
    return used


def _wanted(book: Book, terms: Terms, total: int, price: int) -> int:
    """Return the quantity that the owner's method asks for."""
    lot, lot_cash = book.lot, book.lot_cash
    if terms.by_fraction:
        return quantity_by_fraction(total, terms.fraction_ppm, price, lot, lot_cash)
    stop = stop_price(price, terms.stop_ppm, book.tick)
    if not terms.by_risk:
        stop = max(0, price - portion_up(book.mean_range, terms.range_multiple_ppm))
    return quantity_by_risk(total, terms.risk_ppm, price, stop, lot, lot_cash)


def ruling(
    books: Sequence[Book], book: Book, account: Account, terms: Terms, at: int, quantity: int
) -> int:
    """Return which control refuses an entry at the last close; the first one, in their order."""
    if quantity <= 0 or quantity < book.quantity_min:
        return Ruling.QUANTITY_MIN
    minute, hour = terms.orders_per_minute_max, terms.orders_per_hour_max
    if not has_room(account, at, MINUTE_MS, minute, for_entries(minute), 1):
        return Ruling.ORDERS_PER_MINUTE_MAX
    if not has_room(account, at, HOUR_MS, hour, for_entries(hour), 1):
        return Ruling.ORDERS_PER_HOUR_MAX
    tripped = trip_now(account, terms, at)
    if tripped != Ruling.APPROVED:
        return tripped
    if not book.is_next:
        return Ruling.CANDLE_GAP
    open_orders, busy = 0, 0
    for other in range(len(books)):
        each = books[other]
        open_orders += (each.rests_stop > 0) + (each.rests_target > 0) + (each.waits != 0)
        # What an entry is for holds nothing and waits for nothing: it is none of the busy ones.
        busy += is_held(each) or each.waits == BUY
    if 0 < terms.open_orders_max <= open_orders:
        return Ruling.OPEN_ORDERS_MAX
    if quantity == book.bought and 0 < at - book.bought_at < terms.duplicate_ms:
        return Ruling.DUPLICATE_SECONDS
    pause = _pause(books, book, account, terms, at)
    if pause != Ruling.APPROVED:
        return pause
    unsound = _unsound(book, terms, quantity)
    if unsound != Ruling.APPROVED:
        return unsound
    return Ruling.OPEN_POSITIONS_MAX if busy >= terms.open_positions_max else Ruling.APPROVED


def _unsound(book: Book, terms: Terms, quantity: int) -> int:
    """Return the control by which stop and target do not suit, or what is bought cannot be sold."""
    distance, price = nearest_stop(terms), book.close
    if distance and not is_stop_clear(price, stop_price(price, distance, book.tick), book.tick):
        return Ruling.STOP_DISTANCE_MIN
    is_asked = distance and terms.target_ppm and terms.reward_ppm_min
    if is_asked and terms.target_ppm * PPM < distance * terms.reward_ppm_min:
        return Ruling.REWARD_TO_RISK_MIN
    left = kept(quantity, book.taker_ppm if book.fee_in_base else 0, book.lot)
    if left == 0 or left < book.quantity_min:
        return Ruling.QUANTITY_MIN
    worth = worth_at(book, price, left)
    if worth - portion_up(worth, terms.stop_ppm) < book.notional_min:
        return Ruling.NOTIONAL_MIN
    return Ruling.APPROVED


def is_off_price(book: Book, terms: Terms) -> bool:
    """Return whether the market has left the close at which an entry was decided."""
    apart = abs(book.price_now - book.close)
    return terms.collar_ppm > 0 and apart > portion(book.close, terms.collar_ppm)


def trip_now(account: Account, terms: Terms, at: int) -> int:
    """Return the limit on losses or errors that keeps entries out, told of or not; 0 = none."""
    for place in range(account.tripped_count):
        tripped: int = account.tripped[place]
        if tripped != Ruling.DAILY_LOSS_FRACTION_MAX or at < account.daily_until:
            return tripped
    if 0 < terms.errors_in_a_row_max <= account.errors:
        return Ruling.ERRORS_IN_A_ROW_MAX
    if 0 < terms.entries_per_day_max <= account.entries:
        return Ruling.ENTRIES_PER_DAY_MAX
    return Ruling.APPROVED


def is_known(account: Account, book: Book) -> bool:
    """Return whether only exits are allowed, and this signal was refused by a limit that tripped.

    Then nothing is sized: it was said once.
    """
    only_exits = False
    for place in range(account.tripped_count):
        only_exits = only_exits or account.tripped[place] != Ruling.DAILY_LOSS_FRACTION_MAX
    return only_exits and 0 < book.refused <= TRIPS and account.tripped_as[book.refused] > 0


def entries_on(account: Account, at: int) -> int:
    """Return how many entries were intended on the UTC day of `at`."""
    return account.entries if at // DAY_MS == account.day else 0


# --- pace -----------------------------------------------------------------------------------------


def has_pace(account: Account, terms: Terms, at: int, messages: int) -> bool:
    """Return whether a minute and an hour allow so many messages more for an exit or a target."""
    minute, hour = terms.orders_per_minute_max, terms.orders_per_hour_max
    return has_room(account, at, MINUTE_MS, minute, minute, messages) and has_room(
        account, at, HOUR_MS, hour, hour, messages
    )


def for_entries(most: int) -> int:
    """Return what of a limit entries may have: they leave a fifth to exits."""
    return most - most // RESERVED_PART


def has_room(
    account: Account, at: int, window_ms: int, most: int, share: int, messages: int
) -> bool:
    """Return whether a window allows so many messages more of its share."""
    if most == 0 or account.sent_count == 0:
        return True
    newest: int = account.sent[(account.sent_count - 1) % MESSAGES_KEPT]
    # So many of those before may be within the window; the one before them has to be too old.
    allowed = share - messages
    if allowed < 0 or account.sent_count <= allowed:
        return allowed >= 0
    oldest: int = account.sent[(account.sent_count - 1 - allowed) % MESSAGES_KEPT]
    return oldest <= max(at, newest) - window_ms


# --- pauses ---------------------------------------------------------------------------------------


def _pause(books: Sequence[Book], book: Book, account: Account, terms: Terms, at: int) -> int:
    """Return the pause that keeps entries out of a market; 0 = none."""
    if account.trades == 0:
        return Ruling.APPROVED
    last_of_all = NEVER
    for other in range(len(books)):
        last_of_all = max(last_of_all, books[other].stopped_at)
    if terms.cooldown_ms and at - book.stopped_at < terms.cooldown_ms:
        return Ruling.COOLDOWN_CANDLES
    if terms.all_cooldown_ms and at - last_of_all < terms.all_cooldown_ms:
        return Ruling.ALL_COOLDOWN_CANDLES
    if _are_many_stops(account, terms, book.index, terms.market_stops_max, at):
        return Ruling.MARKET_STOPS_MAX
    if _are_many_stops(account, terms, -1, terms.stops_max, at):
        return Ruling.STOPS_MAX
    if _is_low_profit(account, terms, book.index, terms.market_low_profit_trades, at):
        return Ruling.MARKET_LOW_PROFIT_TRADES
    if _is_low_profit(account, terms, -1, terms.low_profit_trades, at):
        return Ruling.LOW_PROFIT_TRADES
    return Ruling.APPROVED


def _are_many_stops(account: Account, terms: Terms, market: int, most: int, at: int) -> bool:
    """Return whether the last of too many stops was lately; of every market where it is -1."""
    if most == 0:
        return False
    oldest = at - terms.stops_pause_ms - terms.stops_within_ms
    for newest in range(account.trades - 1, -1, -1):
        last: int = account.trade_at[newest]
        if last < oldest:
            return False
        if not _is_loss_of(account, newest, market):
            continue
        count, row = 1, newest
        while count < most and row > 0 and account.trade_at[row - 1] >= oldest:
            row -= 1
            count += _is_loss_of(account, row, market)
        if count < most:
            return False
        first: int = account.trade_at[row]
        if last - first <= terms.stops_within_ms:
            return at - last < terms.stops_pause_ms
    return False


def _is_loss_of(account: Account, row: int, market: int) -> bool:
    if account.trade_is_loss[row] == 0:
        return False
    return market < 0 or int(account.trade_market[row]) == market


def _is_low_profit(account: Account, terms: Terms, market: int, least: int, at: int) -> bool:
    """Return whether lately ended trades gained too little; of all markets where it is -1."""
    if least == 0:
        return False
    for newest in range(account.trades - 1, -1, -1):
        last: int = account.trade_at[newest]
        if at - last >= terms.low_profit_pause_ms:
            return False
        if market >= 0 and account.trade_market[newest] != market:
            continue
        count = 0
        gain: int = 0
        cost: int = 0
        row = newest
        while row >= 0 and account.trade_at[row] >= last - terms.low_profit_within_ms:
            if market < 0 or account.trade_market[row] == market:
                count += 1
                gain += account.trade_gain[row]
                cost += account.trade_cost[row]
            row -= 1
        # A whole number is less than a part of the cost where it is less than that rounded up.
        if count >= least and gain < portion_up(cost, terms.low_profit_ppm):
            return True
    return False
