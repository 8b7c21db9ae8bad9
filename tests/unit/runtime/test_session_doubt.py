"""Sales in doubt: asked about at every look, never joined by a second, protected once resolved."""

from dataclasses import replace

import pytest

from tests.support.bot import FLAT, LONG, NOW, Bot
from tests.support.builders import BTC, HOUR, candle, d, fill, report, rules
from tradebot.engine.protect import LATE_EXIT
from tradebot.model import event as ev
from tradebot.model.order import Leg, OrderStatus

S = OrderStatus
STOPPED = rules(stop_ppm=50_000)
BOTH = rules(stop_ppm=50_000, target_ppm=100_000)


def _legs(bot: Bot) -> list[Leg]:
    return [each.intent.leg for each in bot.broker.placed]


def _look(bot: Bot, seconds: int) -> None:
    bot.clock.now = NOW + seconds * 1000
    bot.session.settle()


def _with_stop_in_doubt(*, is_oco: bool = False) -> Bot:
    """Return a bot that holds 10 at 100, and does not know whether its stop rests."""
    script = ("filled", "unknown", "unknown") if is_oco else ("filled", "unknown")
    bot = Bot(*script, by=BOTH if is_oco else STOPPED)
    bot.step()
    return bot


def _reconfigured(bot: Bot, config_hash: str) -> ev.SessionReconfigured:
    """Return the event of a start under other terms: the exchange's, or the owner's."""
    started = bot.state.started
    assert started is not None
    return ev.SessionReconfigured(
        at=NOW,
        timeframe_ms=started.timeframe_ms,
        markets=started.markets,
        strategy=started.strategy,
        config_hash=config_hash,
        version="1",
    )


def _with_exit_in_doubt() -> Bot:
    """Return a bot whose signal has gone, and that does not know whether it has sold."""
    bot = Bot("filled", "accepted", "unknown", by=STOPPED)
    bot.step()
    bot.step("100", FLAT, 2)
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.EXIT]
    return bot


@pytest.mark.parametrize("is_oco", [False, True], ids=["stop", "oco"])
def test_protection_in_doubt_is_asked_about_at_every_look(is_oco: bool) -> None:
    bot = _with_stop_in_doubt(is_oco=is_oco)
    ids = [each.order_id for each in bot.broker.placed[1:]]
    bot.broker.listed = set(ids)
    for seconds in (2, 4, 60):
        bot.broker.asked.clear()
        bot.broker.reports.clear()
        _look(bot, seconds)
        with_entry = [each for each in bot.broker.asked if each in ids]
        assert with_entry == ids


@pytest.mark.parametrize("is_oco", [False, True], ids=["stop", "oco"])
def test_nothing_is_sold_beside_protection_in_doubt(is_oco: bool) -> None:
    bot = _with_stop_in_doubt(is_oco=is_oco)
    placed = len(bot.broker.placed)
    bot.step("100", FLAT, 2)
    bot.flatten()
    assert len(bot.broker.placed) == placed
    assert bot.broker.cancelled == []


def test_stop_that_never_arrived_is_placed_anew_in_the_look_that_proves_it() -> None:
    bot = _with_stop_in_doubt()
    _look(bot, 60)
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP]
    _look(bot, 71)
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.STOP]
    (stop,) = bot.state.orders.of(BTC)
    assert (stop.status, stop.quantity) == (S.ACCEPTED, d(10))


@pytest.mark.parametrize(
    ("status", "is_held"), [(S.ACCEPTED, True), (S.FILLED, False)], ids=["rests", "has sold"]
)
def test_stop_that_turns_up_is_the_only_one(status: OrderStatus, is_held: bool) -> None:
    bot = _with_stop_in_doubt()
    stop = bot.order(Leg.STOP)
    fills = [] if is_held else [fill("10 @ 95", trade_id="s1", at=NOW + 9)]
    bot.broker.reports[stop.id] = report(stop, status, *fills)
    _look(bot, 2)
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP]
    assert bot.state.positions[BTC].is_open is is_held


def test_oco_of_which_one_half_is_still_in_doubt_is_neither_sold_nor_cancelled() -> None:
    bot = _with_stop_in_doubt(is_oco=True)
    target = bot.order(Leg.TARGET)
    bot.broker.reports[target.id] = report(target, S.ACCEPTED)
    _look(bot, 2)
    bot.step("100", FLAT, 2)
    assert bot.broker.cancelled == []
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.TARGET]
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, S.ACCEPTED)
    bot.step("100", LONG, 3)
    _look(bot, 2 * 3600 + 2)
    bot.step("100", FLAT, 4)
    assert _legs(bot)[-1] is Leg.EXIT, "once both are known the exit goes its way"


def test_exit_in_doubt_is_asked_about_and_never_joined_by_a_second_sale() -> None:
    bot = _with_exit_in_doubt()
    bot.broker.listed = {bot.order(Leg.EXIT).id}
    for hour, seconds in ((3, 7202), (4, 10802)):
        bot.broker.asked.clear()
        _look(bot, seconds)
        bot.step("90", FLAT, hour)
        bot.flatten()
        assert bot.broker.asked == [bot.order(Leg.EXIT).id]
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.EXIT]


def test_exit_that_never_arrived_is_sold_in_the_look_that_proves_it() -> None:
    bot = _with_exit_in_doubt()
    _look(bot, 3660)
    _look(bot, 3671)
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.EXIT, Leg.EXIT]
    assert bot.broker.placed[-1].intent.reason == LATE_EXIT


def test_late_exit_that_is_refused_brings_the_stop_back_and_is_tried_ever_more_rarely() -> None:
    """Symptom: one refused sale, then candles that say hold: the position was kept for days."""
    bot = _with_exit_in_doubt()
    _look(bot, 3660)
    bot.broker.script = [*["rejected", "accepted"] * 3, "filled"]
    sales = []
    for second in range(3671, 3771, 2):
        before = len(bot.broker.placed)
        _look(bot, second)
        if Leg.EXIT in _legs(bot)[before:]:
            sales.append(second)
            resting = [each.leg for each in bot.state.orders.of(BTC)]
            assert resting == ([Leg.STOP] if len(sales) < 4 else [])
    assert sales == [3671, 3681, 3701, 3741]
    assert not bot.state.positions[BTC].is_open


def test_late_exit_waits_for_the_newest_candle_and_another_configuration_owes_none() -> None:
    """Symptom: hours after a flat signal a restart sold, while the newest signal was long."""
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    bot.broker.script = ["rejected", "accepted", "filled"]
    bot.step("100", FLAT, 2)
    placed = len(bot.broker.placed)
    _look(bot, 2 * 3600)
    assert len(bot.broker.placed) == placed, "a candle has closed since"
    assert bot.state.started is not None
    bot.session.record([_reconfigured(bot, bot.state.started.config_hash)])
    assert bot.state.feed.unwanted == {BTC}, "the exchange's new rules change no opinion"
    bot.session.record([_reconfigured(bot, "another")])
    assert not bot.state.feed.unwanted


def test_flatten_sells_in_as_many_pieces_as_the_exchange_asks_for() -> None:
    bot = Bot("filled", by=rules(), markets=1)
    bot.step()
    market = replace(bot.state.markets[BTC], quantity_max=d(1))
    bot.session.state = bot.state._replace(markets={BTC: market})
    bot.flatten()
    assert [each.intent.quantity for each in bot.broker.placed[1:]] == [d(1)] * 10
    assert not bot.state.positions[BTC].is_open


def test_late_exit_of_what_others_left_waits_for_no_turn() -> None:
    """Symptom: a comparison shrank the position, and its sale was tried again a minute later."""
    bot = _with_exit_in_doubt()
    _look(bot, 3660)
    bot.broker.script = [*["rejected", "accepted"] * 4, "filled"]
    for second in range(3671, 3745, 2):
        _look(bot, second)
    shrunk = ev.PositionAdjusted(
        at=NOW, market=BTC, before=d(10), quantity=d(4), reason="the exchange has no more"
    )
    bot.session.record([shrunk])
    before = len(bot.broker.placed)
    _look(bot, 3747)
    assert Leg.EXIT in _legs(bot)[before:]


def test_signal_to_hold_after_a_late_exit_sells_and_a_long_one_keeps() -> None:
    for exposure, last in ((None, Leg.EXIT), (LONG, Leg.STOP)):
        bot = Bot("filled", "accepted", by=STOPPED)
        bot.step()
        bot.broker.script = ["rejected", "accepted"]
        bot.step("100", FLAT, 2)
        assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.EXIT, Leg.STOP]
        bot.step("100", exposure, 3)
        assert _legs(bot)[-1] is last


def test_exit_in_a_candle_that_came_too_late_to_be_traded_is_carried_out() -> None:
    """Symptom: a restart half a day after a daily close dropped its exit, and held on."""
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    made = candle("100", closed_at=NOW + HOUR)
    bot.session.step(made.closed_at, {BTC: made}, {BTC: FLAT}, missed=True)
    assert _legs(bot)[-1] is Leg.STOP
    bot.session.settle()
    assert _legs(bot)[-1] is Leg.EXIT


def test_exit_that_sold_in_part_brings_a_sale_of_the_rest() -> None:
    bot = _with_exit_in_doubt()
    sale = bot.order(Leg.EXIT)
    piece = fill("4 @ 100", trade_id="x1", at=NOW + HOUR + 9)
    bot.broker.reports[sale.id] = report(sale, S.EXPIRED, piece)
    _look(bot, 3602)
    assert _legs(bot)[-1] is Leg.EXIT
    assert bot.broker.placed[-1].intent.quantity == d(6)


def test_vanished_stop_is_placed_anew_on_evidence() -> None:
    """A testnet is wiped now and then: the order was accepted, and is known nowhere."""
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    first = bot.order(Leg.STOP)
    bot.broker.reports.clear()
    _look(bot, 60)
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP], "one look proves nothing"
    _look(bot, 71)
    assert bot.state.orders.settled[first.id].status is S.EXPIRED
    (stop,) = bot.state.orders.of(BTC)
    assert (stop.leg, stop.stop_price, stop.status) == (Leg.STOP, d(95), S.ACCEPTED)
