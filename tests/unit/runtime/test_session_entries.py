"""The life of a limit entry: it rests, times out, is priced anew, fills in part, is protected."""


from tests.support.bot import FLAT, LONG, NOW, Bot
from tests.support.builders import BTC, HOUR, candle, d, fill, report, rules
from tradebot.engine.apply import fold
from tradebot.model import event as ev
from tradebot.model.order import Leg, Order, OrderKind, OrderStatus, Outcome, Rejection
from tradebot.runtime.config import Config

LIMIT = rules(entry_ms_max=HOUR, entry_offset_ppm=20_000, reprice_max=2, fraction_ppm=500_000)
GUARDED = rules(
    entry_ms_max=HOUR, entry_offset_ppm=20_000, reprice_max=2, fraction_ppm=500_000, stop_ppm=50_000
)
S = OrderStatus


def _entries(bot: Bot) -> list[tuple[str, OrderStatus]]:
    """Return price and status of every entry, oldest first."""
    events = (each for each in bot.journal.kept if isinstance(each, ev.OrderIntended))
    found = []
    for event in events:
        order = bot.state.orders.get(event.order_id)
        if event.leg is Leg.ENTRY and order is not None:
            found.append((str(event.price), order.status))
    return found


def _wire(bot: Bot) -> list[str]:
    return [line for line in bot.diary if line.startswith("wire")]


def _filled(bot: Bot, entry: Order, text: str, status: OrderStatus = S.PARTIAL) -> None:
    """Let the exchange fill a piece of the entry."""
    bot.broker.reports[entry.id] = report(entry, status, fill(text, trade_id="e1", at=NOW + 9))


def test_entry_rests_and_nothing_is_held_or_bought_at_the_market() -> None:
    bot = Bot(by=LIMIT)
    bot.step()
    (placed,) = bot.broker.placed
    assert (placed.intent.kind, placed.intent.price) == (OrderKind.LIMIT, d(98))
    assert bot.order(Leg.ENTRY).status is S.ACCEPTED
    assert not bot.state.positions


def test_timed_out_entry_is_cancelled_and_priced_anew_until_its_rounds_are_spent() -> None:
    bot = Bot(by=LIMIT)
    for hour, close in enumerate(("100", "110", "120", "130", "140"), start=1):
        bot.step(close, LONG, hour)
    assert _entries(bot) == [("98", S.CANCELLED), ("107", S.CANCELLED), ("117", S.CANCELLED)]
    assert len({each.order_id for each in bot.broker.placed}) == 3
    bot.step("140", FLAT, 6)
    bot.step("140", LONG, 7)
    assert _entries(bot)[3:] == [("137", S.ACCEPTED)], "a new signal has its own rounds"


def test_next_entry_waits_until_the_cancel_of_the_last_is_proved() -> None:
    bot = Bot(by=LIMIT)
    bot.step()
    bot.broker.cancels = ["unknown"]
    bot.step("110", LONG, 2)
    assert _entries(bot) == [("98", S.ACCEPTED)]
    (entry,) = bot.state.orders.unsettled.values()
    bot.broker.reports[entry.id] = report(entry, S.CANCELLED)
    bot.session.settle()
    bot.step("120", LONG, 3)
    assert _entries(bot) == [("98", S.CANCELLED), ("117", S.ACCEPTED)]


def test_entry_that_filled_before_its_cancel_wins_and_is_guarded() -> None:
    bot = Bot(by=GUARDED)
    bot.step()

    def filled(entry: Order) -> Outcome:
        _filled(bot, entry, f"{entry.quantity} @ 98", S.FILLED)
        return Rejection(order_id=entry.id, code="-2011", message="Unknown order sent.")

    bot.broker.cancels = [filled]
    bot.diary.clear()
    bot.step("99", LONG, 2)
    assert _wire(bot) == ["wire: cancel entry", "wire: stop sell"]
    assert _entries(bot) == [("98", S.FILLED)]
    assert bot.order(Leg.STOP).quantity == d("5.102")


def test_entry_that_has_begun_to_fill_is_guarded_at_the_next_look_and_bought_no_further() -> None:
    bot = Bot(by=GUARDED)
    bot.step()
    _filled(bot, bot.order(Leg.ENTRY), "2 @ 98")
    bot.diary.clear()
    bot.session.settle()
    assert _wire(bot) == ["wire: stop sell", "wire: cancel entry"]
    assert bot.order(Leg.STOP).quantity == d(2)
    assert bot.order(Leg.ENTRY).status is S.CANCELLED
    bot.step("99", LONG, 2)
    assert len(bot.broker.placed) == 2, "what was bought is the position: no second entry"


def test_more_that_was_bought_before_the_cancel_is_guarded_too() -> None:
    bot = Bot(by=GUARDED)
    bot.step()

    def more(entry: Order) -> Outcome:
        pieces = (fill("2 @ 98", trade_id="e1"), fill("1 @ 98", trade_id="e2"))
        return report(entry, S.CANCELLED, *pieces)

    _filled(bot, bot.order(Leg.ENTRY), "2 @ 98")
    bot.broker.cancels = [more]
    bot.session.settle()
    (stop,) = bot.state.orders.of(BTC)
    assert (stop.leg, stop.quantity, stop.status) == (Leg.STOP, d(3), S.ACCEPTED)


def test_late_fill_of_a_cancelled_entry_is_guarded() -> None:
    """The entry was cancelled with 2 filled; a third coin is told of by a report that came late."""
    bot = Bot(by=GUARDED)
    bot.step()
    _filled(bot, bot.order(Leg.ENTRY), "2 @ 98")
    bot.session.settle()
    entry = bot.order(Leg.ENTRY)
    late = fill("1 @ 98", trade_id="e2", at=NOW + 99)
    bot.session.record(
        [ev.FillBooked(at=NOW + 99, order_id=entry.id, market=BTC, side=entry.side, fill=late)]
    )
    bot.session.protect()
    (stop,) = bot.state.orders.of(BTC)
    assert (stop.leg, stop.quantity) == (Leg.STOP, d(3))


def test_cancel_without_an_answer_leaves_the_guard_in_place_and_is_tried_at_the_next_candle() -> (
    None
):
    bot = Bot(by=GUARDED)
    bot.step()
    _filled(bot, bot.order(Leg.ENTRY), "2 @ 98")
    bot.broker.cancels = ["unknown"]
    bot.session.settle()
    assert bot.order(Leg.STOP).status is S.ACCEPTED
    assert bot.order(Leg.ENTRY).status is S.PARTIAL
    bot.broker.cancels = [
        lambda entry: report(entry, S.CANCELLED, fill("2 @ 98", trade_id="e1"))
    ]
    bot.step("99", LONG, 2)
    assert bot.order(Leg.ENTRY).status is S.CANCELLED


def test_signal_that_goes_cancels_the_entry() -> None:
    bot = Bot(by=LIMIT)
    bot.step()
    bot.step("100", FLAT, 2)
    assert _entries(bot) == [("98", S.CANCELLED)]
    assert not bot.state.positions


def test_halt_cancels_what_would_buy_on_with_nobody_to_guard_it() -> None:
    bot = Bot(by=LIMIT, markets=2)
    bot.step_all("100 10")
    bot.session.halt("the emergency stop is latched")
    assert [status for _, status in _entries(bot)] == [S.CANCELLED, S.CANCELLED]


def test_entry_that_cannot_be_asked_about_stops_no_other_cancel_of_a_halt() -> None:
    bot = Bot(by=LIMIT, markets=2)
    bot.step_all("100 10")
    first = next(iter(bot.state.orders.unsettled.values()))
    bot.broker.cancels, bot.broker.unreachable = ["rejected"], {first.id}
    bot.session.halt("the emergency stop is latched")
    assert sorted(status for _, status in _entries(bot)) == [S.ACCEPTED, S.CANCELLED]


def test_vanished_entry_has_bought_nothing_and_the_next_candle_enters_again() -> None:
    bot = Bot(by=LIMIT)
    bot.step()
    bot.broker.reports.clear()
    for seconds in (60, 71):
        bot.clock.now = NOW + seconds * 1000
        bot.session.settle()
    assert _entries(bot) == [("98", S.EXPIRED)]
    assert bot.state.balances == {"USDT": d(1000)}
    bot.step("110", LONG, 2)
    assert _entries(bot)[1:] == [("107", S.ACCEPTED)]


def test_candle_decided_again_after_a_restart_places_no_second_entry() -> None:
    bot = Bot(by=LIMIT)
    bot.step()
    kinds = bot.journal.kinds()
    bot.session.state = fold(bot.journal.events())
    bot.session.decide(BTC, candle("100"), LONG)
    assert bot.journal.kinds() == kinds


# --- configuration ------------------------------------------------------------------------------


def test_limit_entries_are_rules_in_integers() -> None:
    entries = {"kind": "limit", "offset_fraction": d("0.0015"), "timeout_candles": 2}
    by = Config.model_validate({"entries": entries, "bot": {"timeframe": "1h"}}).rules()
    assert (by.entry_ms_max, by.entry_offset_ppm, by.reprice_max) == (2 * HOUR, 1500, 3)
    assert Config().rules().entry_ms_max == 0, "entries are market orders unless told"
