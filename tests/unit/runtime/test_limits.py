"""Limits in a session: what a trip keeps out, and what it lets go on."""

from pathlib import Path

import pytest

from tests.support.bot import FLAT, LONG, Bot
from tests.support.builders import BTC, ETH, HOUR, START, candle, d, rules
from tests.support.commanded import Commanded
from tests.support.limited import entries, held, refusals, restarted, trips
from tradebot.engine.settings import Pace
from tradebot.errors import JournalError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.command import CommandEnd
from tradebot.model.order import Leg, OrderStatus
from tradebot.model.timeframe import DAY_MS

ACTIVE, REDUCING = TradingState.ACTIVE, TradingState.REDUCING
MIDNIGHT = START + DAY_MS
# A half of 1000 is bought: at 94 it is 970 that are left.
DAILY = rules(fraction_ppm=500_000, daily_loss_ppm_max=30_000)
LOST = (
    "equity 970 is 30 under the day's opening 1000, the limit is 30; "
    "no entries until 2024-01-02T00:00:00Z"
)


# --- the day's loss -----------------------------------------------------------------------------


def test_trip_is_on_disk_before_the_decisions_of_its_own_candle() -> None:
    bot = held(DAILY)
    bot.step_all("94 10", LONG, hour=2)
    assert [line for line in bot.diary if line.startswith(("disk", "wire"))] == [
        "disk: candles_closed",
        "disk: limit_tripped",
        "disk: intent_refused",
    ]
    assert trips(bot) == [("daily_loss_fraction_max", MIDNIGHT)]
    assert refusals(bot) == [(ETH, "daily_loss_fraction_max")]
    (refused,) = (each for each in bot.journal.kept if isinstance(each, ev.IntentRefused))
    assert (refused.limit, refused.value) == (d(30), d(30))
    assert refused.message == f"ETH/USDT: {LOST}"
    assert refused.size["equity"] == "970"
    assert "tell: limit_tripped" in bot.diary


def test_one_unit_less_lost_trips_nothing() -> None:
    bot = held(DAILY)
    bot.step_all("95 10", LONG, hour=2)
    assert (trips(bot), entries(bot)) == ([], [BTC, ETH])


def test_exits_go_on_after_a_trip() -> None:
    bot = held(DAILY)
    bot.step_all("94 10", LONG, hour=2)
    bot.step_all("90 10", FLAT, hour=3)
    assert bot.state.positions[BTC].quantity == 0
    assert bot.state.trading is ACTIVE, "the day's end lifts it, no person"


def test_trip_is_told_once_a_day_and_refusal_once_a_signal() -> None:
    bot = held(DAILY)
    for hour, close in enumerate(("94 10", "93 10", "80 10"), start=2):
        bot.step_all(close, LONG, hour)
    assert len(trips(bot)) == len(refusals(bot)) == 1


def test_restart_knows_of_the_trip() -> None:
    bot = held(DAILY)
    bot.step_all("94 10", LONG, hour=2)
    bot = restarted(bot)
    bot.step_all("94 10", FLAT, hour=3)
    bot.step_all("94 10", LONG, hour=4)
    assert entries(bot) == [BTC]
    assert trips(bot) == [("daily_loss_fraction_max", MIDNIGHT)]


@pytest.mark.parametrize(("then", "bought"), [("95", [BTC, ETH]), ("94", [BTC])])
def test_death_between_the_candle_and_its_trip_lets_nothing_in(
    then: str, bought: list[str]
) -> None:
    bot = held(DAILY)
    bot.journal.fails_at = "limit_tripped"
    with pytest.raises(JournalError, match="disk full"):
        bot.step_all("94 10", LONG, hour=2)
    bot.journal.fails_at = ""
    bot = restarted(bot)
    assert trips(bot) == []
    # What is lost at the next candle counts.
    bot.step_all(f"{then} 10", LONG, hour=3)
    assert entries(bot) == bought
    assert len(trips(bot)) == 2 - len(bought)


def test_midnight_lifts_the_loss_of_the_day_and_not_an_hour_sooner() -> None:
    bot = held(DAILY)
    for hour in range(2, 24):
        bot.step_all("94 10", LONG, hour)
    assert entries(bot) == [BTC]
    bot.step_all("94 10", LONG, hour=24)
    assert entries(bot) == [BTC, ETH]
    assert len(trips(bot)) == 1


def test_new_day_has_its_own_loss() -> None:
    bot = held(DAILY)
    bot.step_all("94 10", LONG, hour=2)
    # It opens with 970: 3 % are 29.1, and 5 BTC lose 30 at 88.
    bot.step_all("94 10", FLAT, hour=24)
    bot.step_all("100 10", LONG, hour=25)
    assert len(trips(bot)) == 1
    bot.step_all("90 10", LONG, hour=26)
    assert trips(bot)[1:] == [("daily_loss_fraction_max", MIDNIGHT + DAY_MS)]


def test_loss_of_the_last_hour_keeps_entries_out_of_the_day_that_begins() -> None:
    """Symptom: an hour that lost 10 % before each midnight never tripped a limit of 3 %."""
    bot = held(DAILY)
    bot.step_all("94 10", FLAT, hour=24)
    assert trips(bot) == [("daily_loss_fraction_max", MIDNIGHT + DAY_MS)]
    for hour in range(25, 48):
        bot.step_all("94 10", LONG, hour)
    assert entries(bot) == [BTC]
    assert refusals(bot) == [(BTC, "daily_loss_fraction_max"), (ETH, "daily_loss_fraction_max")]
    bot.step_all("94 10", LONG, hour=48)
    assert sorted(entries(bot)) == [BTC, BTC, ETH]


def test_candles_of_a_day_are_bound_by_its_loss() -> None:
    """Symptom: candles of a day lost 64 %, and none of their days ever tripped."""
    bot = held(DAILY)
    for hour, close in ((24, "94"), (25, "94"), (48, "88"), (49, "88"), (72, "88")):
        bot.step_all(f"{close} 10", LONG, hour)
        assert entries(bot) == [BTC]
    assert [until for _, until in trips(bot)] == [MIDNIGHT + DAY_MS, MIDNIGHT + 2 * DAY_MS]
    bot.step_all("88 10", LONG, hour=73)
    assert entries(bot) == [BTC, ETH]


def test_missed_candles_trip_too() -> None:
    bot = held(DAILY)
    closed_at = START + 2 * HOUR
    made = candle("94", closed_at=closed_at)
    bot.session.step(closed_at, {BTC: made}, {BTC: LONG}, missed=True)
    assert trips(bot) == [("daily_loss_fraction_max", MIDNIGHT)]


def test_deposit_lifts_no_trip_and_hides_no_loss() -> None:
    bot = held(DAILY)
    paid_in = ev.BalanceAdjusted(
        at=bot.clock.now, asset="USDT", before=d(500), after=d(5000), reason="deposit"
    )
    bot.session.record([paid_in])
    # Of 1000, 500 were held; of 5500, 500 are: 3 % of 5500 are 165, and 5 BTC lose them at 67.
    bot.step_all("68 10", FLAT, hour=2)
    assert trips(bot) == []
    low = held(DAILY)
    low.session.record([paid_in])
    low.step_all("67 10", LONG, hour=2)
    assert trips(low) == [("daily_loss_fraction_max", MIDNIGHT)]
    low.session.record(
        [
            ev.BalanceAdjusted(
                at=low.clock.now, asset="USDT", before=d(5000), after=d(9000), reason="deposit"
            )
        ]
    )
    low.step_all("67 10", FLAT, hour=3)
    low.step_all("67 10", LONG, hour=4)
    assert entries(low) == [BTC]


# --- what rests ---------------------------------------------------------------------------------

RESTING = rules(
    fraction_ppm=400_000,
    daily_loss_ppm_max=30_000,
    entry_ms_max=9 * HOUR,
    entry_offset_ppm=0,
    reprice_max=9,
)


def test_limit_entry_that_rests_is_cancelled_by_a_trip() -> None:
    bot = Bot("filled", "accepted", by=RESTING, markets=2)
    bot.step_all("100 10", LONG, hour=1)
    (resting,) = bot.state.orders.unsettled.values()
    assert (resting.market, resting.leg) == (ETH, Leg.ENTRY)
    bot.step_all("92 10", LONG, hour=2)
    assert trips(bot) == [("daily_loss_fraction_max", MIDNIGHT)]
    assert bot.broker.cancelled == [resting.id]
    (sent,) = (each for each in bot.journal.kept if isinstance(each, ev.CancelSent))
    assert sent.reason.startswith("equity 968 is 32 under the day's opening 1000")
    assert bot.state.orders.get(resting.id).status is OrderStatus.CANCELLED  # type: ignore[union-attr]  # it is known
    assert len(entries(bot)) == 2


# --- errors and entries -------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["rejected", "unknown"])
def test_five_orders_in_a_row_that_failed_stop_entries(answer: str, tmp_path: Path) -> None:
    by = rules(pace=Pace(errors_in_a_row_max=5))
    bot = Bot(*[answer] * 5, by=by)
    for hour in range(1, 6):
        assert trips(bot) == []
        bot.step("100", LONG, hour)
        for order in tuple(bot.state.orders.unsettled.values()):
            # It is proved that nothing came of it: no doubt is left, the error is.
            proof = ev.OrderAbsent(at=bot.clock.now, order_id=order.id, evidence="looked twice")
            bot.session.record([proof])
    assert len(entries(bot)) == 5
    bot.step("100", LONG, hour=6)
    assert trips(bot) == [("errors_in_a_row_max", 0)]
    assert (len(entries(bot)), bot.state.trading) == (5, REDUCING)
    place = Commanded(bot, by, tmp_path / "commands")
    assert place.say("resume").end is CommandEnd.DONE
    bot.step("100", LONG, hour=7)
    assert len(entries(bot)) == 6
    assert bot.state.positions[BTC].quantity == 10


def test_order_that_the_exchange_takes_ends_the_row() -> None:
    bot = Bot(*["rejected"] * 4, by=rules(pace=Pace(errors_in_a_row_max=5)))
    for hour in range(1, 6):
        bot.step("100", LONG, hour)
    assert bot.state.positions[BTC].quantity == 10
    bot.broker.script = ["rejected"] * 4
    for hour in range(6, 10):
        bot.step("100", FLAT, hour)
    assert (trips(bot), bot.state.track.errors) == ([], 4)


def test_entries_of_a_day_that_is_over_wait_for_a_person_too() -> None:
    """Symptom: the count that was reached in a day's last hour was forgotten over midnight."""
    bot = Bot(by=rules(pace=Pace(entries_per_day_max=2)))
    for hour in (20, 21, 22):
        bot.step("100", FLAT if hour == 21 else LONG, hour)
    assert len(entries(bot)) == 2
    for hour in (24, 25, 26):
        bot.step("100", FLAT if hour == 24 else LONG, hour)
    assert len(entries(bot)) == 2
    assert trips(bot) == [("entries_per_day_max", 0)]


def test_so_many_entries_a_day_and_no_more() -> None:
    bot = Bot(by=rules(pace=Pace(entries_per_day_max=2)))
    for hour in range(1, 9):
        bot.step("100", LONG if hour % 2 else FLAT, hour)
    assert len(entries(bot)) == 2
    assert trips(bot) == [("entries_per_day_max", 0)]
    assert bot.state.trading is REDUCING


# --- the price when it leaves -------------------------------------------------------------------

COLLAR = rules(fraction_ppm=500_000, collar_ppm=20_000)


@pytest.mark.parametrize(
    ("price", "control"),
    [
        ("100", ""),
        ("102", ""),
        ("98", ""),
        ("102.00000001", "price_collar_fraction"),
        ("97.99999999", "price_collar_fraction"),
        ("0", "reference_price"),
        (None, "reference_price"),
    ],
)
def test_entry_leaves_only_where_the_market_still_is(price: str | None, control: str) -> None:
    bot = Bot(by=COLLAR)
    if price is not None:
        bot.broker.prices[BTC] = d(price)
    bot.step()
    assert refusals(bot) == ([(BTC, control)] if control else [])
    assert [line for line in bot.diary if line.startswith("wire")] == (
        [] if control else ["wire: entry buy"]
    )
    assert bool(bot.state.orders.settled) is not bool(control)


def test_price_that_holds_an_entry_back_is_told_once_a_signal() -> None:
    """Symptom: an exchange that told no price filled the journal with a refusal a candle."""
    bot = Bot(by=COLLAR)
    for hour in range(1, 5):
        bot.step("100", LONG, hour=hour)
    assert refusals(bot) == [(BTC, "reference_price")]
    bot.step("100", FLAT, hour=5)
    bot.step("100", LONG, hour=6)
    assert refusals(bot) == [(BTC, "reference_price")] * 2


def test_entry_that_was_held_back_by_its_price_is_tried_at_the_next_candle() -> None:
    bot = Bot(by=COLLAR)
    bot.step()
    assert refusals(bot) == [(BTC, "reference_price")]
    bot.broker.prices[BTC] = d(100)
    bot.step("100", LONG, hour=2)
    assert entries(bot) == [BTC]


@pytest.mark.parametrize("price", [None, "1"])
def test_exit_asks_for_no_price(price: str | None) -> None:
    bot = Bot(by=COLLAR)
    bot.broker.prices[BTC] = d(100)
    bot.step()
    del bot.broker.prices[BTC]
    if price is not None:
        bot.broker.prices[BTC] = d(price)
    bot.step("100", FLAT, hour=2)
    assert bot.state.positions[BTC].quantity == 0
