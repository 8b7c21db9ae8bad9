"""What a bot does on a person's command: once, journalled, and nothing stands bare in silence."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.bot import FLAT, LONG, NOW, Bot
from tests.support.builders import BTC, ETH, d, rules
from tests.support.commanded import Commanded
from tradebot.engine.apply import fold
from tradebot.engine.track import FOR_EVER
from tradebot.errors import JournalError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.command import (
    CommandEnd,
    CommandEnded,
    CommandRefused,
    CommandTaken,
    SignalSpent,
)
from tradebot.model.order import Leg, OrderStatus

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
STOPPED = rules(stop_ppm=50_000)
RESTING = rules(stop_ppm=50_000, entry_ms_max=10**9, entry_offset_ppm=10_000, fraction_ppm=400_000)


def made(tmp_path: Path, *script: str, by: Any = STOPPED, **options: Any) -> Commanded:
    return Commanded(Bot(*script, by=by, **options), by, tmp_path / "commands")


def held(tmp_path: Path) -> Commanded:
    """Return a bot that holds 10 BTC, its stop resting."""
    place = made(tmp_path)
    place.bot.step()
    assert place.bot.state.positions[BTC].sellable == d(10)
    return place


def resting(tmp_path: Path, markets: int = 2) -> Commanded:
    """Return a bot with a limit entry at rest in each market."""
    place = made(tmp_path, *["accepted"] * markets, by=RESTING, markets=markets)
    if markets == 1:
        place.bot.step()
    else:
        place.bot.step_all("100 100")
    assert len(place.bot.state.orders.unsettled) == markets
    return place


def of(place: Commanded, kind: type[Any]) -> list[Any]:
    return [each for each in place.bot.journal.kept if isinstance(each, kind)]


def buys(place: Commanded) -> int:
    return sum(each.leg is Leg.ENTRY for each in of(place, ev.OrderIntended))


# --- pause and resume ---------------------------------------------------------------------------


def test_pause_lets_only_exits_through_until_resumed(tmp_path: Path) -> None:
    place = made(tmp_path)
    end = place.say("pause", reason="lunch")
    assert (end.end, place.bot.state.trading) == (CommandEnd.DONE, REDUCING)
    place.bot.step()
    assert buys(place) == 0
    assert place.say("resume").end is CommandEnd.DONE
    place.bot.step("100", LONG, hour=2)
    assert buys(place) == 1


def test_exits_go_on_while_paused(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.say("pause")
    place.bot.step("100", FLAT, hour=2)
    assert place.bot.state.positions[BTC].sellable == 0


def test_pause_and_its_taking_are_one_append(tmp_path: Path) -> None:
    place = made(tmp_path)
    place.bot.diary.clear()
    place.say("pause")
    disk = [line for line in place.bot.diary if line.startswith("disk")]
    assert disk == ["disk: command_taken", "disk: trading_state_changed", "disk: command_ended"]


def test_pause_that_cannot_be_written_was_not_taken(tmp_path: Path) -> None:
    place = made(tmp_path)
    place.bot.journal.fails_at = "trading_state_changed"
    with pytest.raises(JournalError, match="disk full"):
        place.say("pause")
    assert of(place, CommandTaken) == []
    assert place.bot.state.trading is ACTIVE
    place.bot.journal.fails_at = ""
    place.revive()
    place.heed()
    assert place.bot.state.trading is REDUCING, "the next life finds it"


def test_pause_cancels_the_entries_that_rest(tmp_path: Path) -> None:
    place = resting(tmp_path)
    end = place.say("pause")
    assert end.end is CommandEnd.DONE
    assert not place.bot.state.orders.unsettled
    assert "cancelled" in end.text


def test_pause_says_which_entry_may_still_buy(tmp_path: Path) -> None:
    place = resting(tmp_path, markets=1)
    place.bot.broker.cancels = ["unknown"]
    end = place.say("pause")
    (order_id,) = place.bot.state.orders.unsettled
    assert end.end is CommandEnd.UNCONFIRMED
    assert order_id in end.text
    assert place.bot.state.trading is REDUCING


def test_second_pause_and_second_resume_change_nothing(tmp_path: Path) -> None:
    place = made(tmp_path)
    place.say("pause", reason="lunch")
    assert "already: lunch" in place.say("pause", reason="dinner").text
    assert place.bot.state.commands.paused == "lunch"
    place.say("resume")
    assert place.say("resume").end is CommandEnd.NOTHING
    assert len(of(place, ev.TradingStateChanged)) == 2


def test_halt_is_stricter_than_a_pause_and_no_command_lifts_it(tmp_path: Path) -> None:
    place = made(tmp_path)
    place.bot.session.halt("storm")
    assert "stays so" in place.say("pause").text
    assert place.say("resume").end is CommandEnd.REFUSED
    assert place.bot.state.trading is HALTED


def test_pause_outlives_a_restart_and_a_halt_that_was_lifted(tmp_path: Path) -> None:
    place = made(tmp_path)
    place.say("pause", reason="lunch")
    assert fold(place.bot.journal.kept).trading is REDUCING
    place.bot.session.halt("storm")
    place.bot.session.reactivate("calm")
    assert (place.bot.state.trading, place.bot.state.commands.paused) == (REDUCING, "lunch")


def test_resume_lifts_a_limit_that_waits_for_a_person_too(tmp_path: Path) -> None:
    place = made(tmp_path)
    tripped = ev.LimitTripped(
        at=NOW, control="drawdown", limit=d(20), value=d(21), until=FOR_EVER, message="too much"
    )
    place.bot.session.record([tripped])
    assert place.bot.state.trading is REDUCING
    place.bot.session.reactivate("the next start")
    assert place.bot.state.trading is REDUCING, "a restart is no word of a person"
    end = place.say("resume")
    assert (end.end, "a limit had tripped" in end.text) == (CommandEnd.DONE, True)
    assert (place.bot.state.trading, place.bot.state.track.trips) == (ACTIVE, {})


# --- close --------------------------------------------------------------------------------------


def test_close_sells_all_and_the_same_signal_buys_nothing_back(tmp_path: Path) -> None:
    place = held(tmp_path)
    end = place.say("close BTC/USDT", reason="enough")
    assert (end.end, end.text) == (CommandEnd.DONE, "BTC/USDT: sold 10 BTC")
    assert place.bot.order(Leg.STOP).status is OrderStatus.CANCELLED
    for hour in (2, 3):
        place.bot.step("100", LONG, hour=hour)
    assert buys(place) == 1
    place.bot.step("100", FLAT, hour=4)
    place.bot.step("100", LONG, hour=5)
    assert buys(place) == 2, "a new signal is a new trade"


def test_part_is_sold_and_the_rest_is_guarded_at_once_and_not_topped_up(tmp_path: Path) -> None:
    place = held(tmp_path)
    end = place.say("close BTC/USDT", fraction="0.5")
    assert (end.end, end.text) == (CommandEnd.DONE, "BTC/USDT: sold 5 BTC; 5 left; guarded")
    (stop,) = place.bot.state.orders.of(BTC)
    assert (stop.leg, stop.quantity, stop.stop_price) == (Leg.STOP, d(5), d(95))
    place.bot.step("100", LONG, hour=2)
    assert buys(place) == 1
    assert BTC in place.bot.state.feed.spent


def test_two_halves_at_one_moment_are_two_sales(tmp_path: Path) -> None:
    """Both had the same time, and so the second found itself done."""
    place = held(tmp_path)
    one, other = (place.leave("close BTC/USDT", fraction="0.5") for _ in range(2))
    place.heed()
    assert place.end_of(one).text == "BTC/USDT: sold 5 BTC; 5 left; guarded"
    assert place.end_of(other).text == "BTC/USDT: sold 2.5 BTC; 2.5 left; guarded"


def test_order_of_things_is_taken_spent_cancelled_sold_guarded(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.bot.diary.clear()
    place.say("close BTC/USDT", fraction="0.5")
    told = [line for line in place.bot.diary if line.startswith(("disk: command", "disk: signal"))]
    assert told == ["disk: command_taken", "disk: signal_spent", "disk: command_ended"]
    wire = [line for line in place.bot.diary if line.startswith("wire")]
    assert wire == ["wire: cancel stop", "wire: flatten sell", "wire: stop sell"]
    assert place.bot.diary.index("disk: signal_spent") < place.bot.diary.index(wire[0])


def test_sale_that_is_refused_leaves_the_position_guarded_and_says_so(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.bot.broker.script = ["rejected"]
    end = place.say("close BTC/USDT")
    assert end.end is CommandEnd.UNCONFIRMED
    assert "sold 0 BTC; 10 left; guarded; the sale was not taken" in end.text
    (stop,) = place.bot.state.orders.of(BTC)
    assert (stop.leg, stop.quantity) == (Leg.STOP, d(10))


def test_rest_whose_stop_is_refused_is_told_as_bare_or_sold(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.bot.broker.script = ["filled", "unknown"]
    end = place.say("close BTC/USDT", fraction="0.5")
    assert end.end is CommandEnd.UNCONFIRMED
    assert "no stop yet" in end.text


def test_cancel_that_is_not_confirmed_sells_nothing_beside_it(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.bot.broker.cancels = ["unknown"]
    end = place.say("close BTC/USDT")
    assert end.end is CommandEnd.UNCONFIRMED
    assert len(of(place, ev.OrderIntended)) == 2, "the entry and its stop"
    assert place.bot.state.positions[BTC].sellable == d(10)


def test_exchange_out_of_reach_is_unconfirmed_and_nothing_is_sent(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.bot.broker.is_reachable = False
    end = place.say("close BTC/USDT")
    assert end.end is CommandEnd.UNCONFIRMED
    assert place.bot.broker.cancelled == []
    assert of(place, SignalSpent) == []


@pytest.mark.parametrize(
    ("text", "fraction", "end"),
    [
        ("close XRP/USDT", None, CommandEnd.REFUSED),
        ("close ETH/USDT", None, CommandEnd.NOTHING),
        ("close BTC/USDT", "0.00001", CommandEnd.REFUSED),
        ("close BTC/USDT", "0.999999", CommandEnd.REFUSED),
        ("cancel", None, CommandEnd.NOTHING),
        ("cancel BTC/USDT", None, CommandEnd.NOTHING),
        ("cancel tb-nobody", None, CommandEnd.NOTHING),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    tmp_path: Path, text: str, fraction: str | None, end: CommandEnd
) -> None:
    place = made(tmp_path, by=rules(stop_ppm=50_000, fraction_ppm=500_000), markets=2)
    place.bot.step("100", LONG)
    before = place.bot.state
    assert place.say(text, fraction).end is end
    assert place.bot.state.orders == before.orders
    assert place.bot.state.feed == before.feed


def test_close_ends_a_resting_entry_where_nothing_is_held_yet(tmp_path: Path) -> None:
    place = resting(tmp_path)
    assert place.say("close BTC/USDT").end is CommandEnd.DONE
    assert [each.market for each in place.bot.state.orders.unsettled.values()] == [ETH]
    assert place.bot.state.feed.spent == {BTC}


def test_halted_position_may_be_closed(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.bot.session.halt("storm")
    assert place.say("close BTC/USDT").end is CommandEnd.DONE
    assert place.bot.state.positions[BTC].sellable == 0


# --- cancel -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "left"), [("", []), ("BTC/USDT", [ETH]), ("id", [ETH])])
def test_cancel_ends_entries_of_all_of_a_market_or_one(
    tmp_path: Path, scope: str, left: list[str]
) -> None:
    place = resting(tmp_path)
    (first,) = (each.id for each in place.bot.state.orders.of(BTC))
    end = place.say(f"cancel {first if scope == 'id' else scope}".strip())
    assert end.end is CommandEnd.DONE
    assert first in end.text
    assert [each.market for each in place.bot.state.orders.unsettled.values()] == left


def test_entry_that_was_cancelled_is_not_placed_anew_by_the_same_signal(tmp_path: Path) -> None:
    place = resting(tmp_path, markets=1)
    place.say("cancel")
    place.bot.step("100", LONG, hour=2)
    assert buys(place) == 1


def test_stop_is_no_entry_and_is_not_cancelled(tmp_path: Path) -> None:
    place = held(tmp_path)
    stop = place.bot.order(Leg.STOP)
    end = place.say(f"cancel {stop.id}")
    assert end.end is CommandEnd.REFUSED
    assert "tradebot close BTC/USDT" in end.text
    assert place.say("cancel BTC/USDT").end is CommandEnd.NOTHING
    assert place.bot.broker.cancelled == []


def test_order_that_has_ended_or_is_in_doubt_is_said_to_be(tmp_path: Path) -> None:
    place = held(tmp_path)
    assert "filled already" in place.say(f"cancel {place.bot.order(Leg.ENTRY).id}").text
    doubtful = made(tmp_path, "unknown", by=RESTING)
    doubtful.bot.step()
    (order_id,) = doubtful.bot.state.orders.unsettled
    for words in ("cancel", f"cancel {order_id}"):
        end = doubtful.say(words)
        assert (end.end, order_id in end.text) == (CommandEnd.UNCONFIRMED, True)


def test_adopting_is_passed_on(tmp_path: Path) -> None:
    place = made(tmp_path)
    assert place.say("adopt USDT", reason="rent").end is CommandEnd.DONE
    assert place.adopted == [("USDT", "rent")]


# --- once ---------------------------------------------------------------------------------------


def test_command_is_on_disk_as_taken_before_anything_is_done(tmp_path: Path) -> None:
    place = held(tmp_path)
    seen: list[list[str]] = []
    place.bot.broker.on_place = lambda approved: seen.append(place.bot.journal.kinds())
    place.say("close BTC/USDT")
    assert all("command_taken" in kinds for kinds in seen)
    assert seen


def test_command_whose_file_is_left_is_not_done_again(tmp_path: Path) -> None:
    place = held(tmp_path)
    command_id = place.leave("close BTC/USDT", fraction="0.5")
    text = (place.folder / f"{command_id}.json").read_bytes()
    place.heed()
    left = place.folder / f"{command_id}.taken"
    left.touch(mode=0o600)
    left.write_bytes(text)
    for _ in range(2):
        place.revive()
        place.heed()
    assert place.bot.state.positions[BTC].sellable == d(5)
    assert len(of(place, CommandTaken)) == len(of(place, CommandEnded)) == 1
    assert not left.exists()


def test_command_that_a_death_cut_off_is_told_as_that_and_not_done(tmp_path: Path) -> None:
    place = held(tmp_path)
    command_id = place.leave("close BTC/USDT")
    place.bot.broker.on_place = lambda approved: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        place.heed()
    place.bot.broker.on_place = lambda approved: None
    place.revive()
    place.heed()
    assert place.end_of(command_id).end is CommandEnd.INTERRUPTED
    assert len(of(place, CommandTaken)) == 1
    place.heed()
    assert len(of(place, CommandEnded)) == 1


def test_rubbish_is_journalled_by_name_and_changes_nothing(tmp_path: Path) -> None:
    place = held(tmp_path)
    place.leave("cancel")
    (place.folder / "sell-everything.json").write_text("{}")
    before = place.bot.state.orders
    place.heed()
    (refused,) = of(place, CommandRefused)
    assert refused.name == "sell-everything.json"
    assert place.bot.state.orders == before
    assert len(of(place, CommandEnded)) == 1, "what is a command was obeyed"
