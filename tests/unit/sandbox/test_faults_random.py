"""Faults by chance: the same seed brings the same ones, at the rates that were asked for."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import ccxt
import pytest

from tests.support.builders import HOUR
from tests.support.sandbox import KEY, SECRET, at, book
from tests.support.sandbox_faults import SYMBOL, Faulty, faulty, plan
from tradebot.sandbox.auth import Account
from tradebot.sandbox.book import Book
from tradebot.sandbox.desk import Desk
from tradebot.sandbox.endpoints import Request
from tradebot.sandbox.faults import Faults
from tradebot.sandbox.faults_plan import KINDS, PER_DAY, RATES, Chance

# What ccxt raises of rubbish with status 200, besides its own errors.
BROKEN_ANSWERS = (AttributeError, TypeError, KeyError, ValueError)
EVERYTHING = (
    "[random]\nseed = {seed}\n"
    + "".join(f"{fault} = 0.03\n" for fault in RATES if fault != "ban")
    + "ban = 0.002\n"
    + "".join(f"{key} = 1\n" for key in PER_DAY)
)


def lived(it: Faulty, hours: int) -> list[Any]:
    """Trade by the clock, whatever the exchange does; return all that was heard and happened."""
    heard: list[Any] = []

    def hear(act: Any, *given: Any) -> None:
        try:
            answer = act(*given)
            heard.append(answer.get("status") if isinstance(answer, dict) else len(answer or ()))
        except (ccxt.BaseError, *BROKEN_ANSWERS) as error:
            heard.append(type(error).__name__)

    for hour in range(hours):
        hear(it.client.fetch_ohlcv, SYMBOL, "1h")
        hear(it.buy, f"b{hour}", "0.1")
        hear(it.stop, f"s{hour}", "50", "0.1")
        hear(it.ask, f"b{hour}")
        hear(it.client.fetch_open_orders)
        hear(it.client.fetch_balance)
        it.server.advance_to(it.book.now + HOUR)
    status = it.status()
    return [*heard, status["fault_log"], status["requests_in_ban"], status["posts_by_client_id"]]


def served(text: str, made: Book | None = None) -> Faults:
    """Return faults over a desk, without a wire."""
    made = made or book("100 " * 9, hours=2)
    return Faults(plan(text, made), Desk(made, Account(KEY, SECRET), is_stepped=True))


def hits(faults: Faults, number: int) -> list[int]:
    """Send so many pings; return which were not answered as usual."""
    ping = Request("GET", "/api/v3/ping")
    return [each for each in range(number) if _failed(faults, ping)]


def _failed(faults: Faults, request: Request) -> bool:
    written = faults.serve(request).written
    return written is None or written.status != 200


def counts(faults: Faults) -> Mapping[str, int]:
    """Return how often each fault happened."""
    told = faults.status()["faults"]
    assert isinstance(told, dict)
    return told


def test_same_seed_and_requests_are_the_same_faults() -> None:
    lives = []
    for seed in (7, 7, 8):
        made = book("100 " * 80, cash={"USDT": "1000", "BTC": "2"}, hours=2)
        with faulty(EVERYTHING.format(seed=seed), made, is_stepped=True) as it:
            lives.append(lived(it, 40))
    assert lives[0] == lives[1]
    assert lives[0] != lives[2]
    assert len({each["fault"] for each in lives[0][-3]}) > 10


def test_draws_are_the_same_on_every_machine() -> None:
    chance = Chance(7)
    draws = [chance.below(1000, "drop_before", number) for number in range(6)]
    assert draws == [101, 519, 0, 771, 378, 87]


def test_rate_is_the_part_of_the_requests_that_is_hit() -> None:
    faults = served("[random]\nseed = 3\nerror_before = 0.1\n")
    assert 160 <= len(hits(faults, 2000)) <= 240
    assert len(hits(served("[random]\nseed = 3\nerror_before = 1\n"), 50)) == 50
    assert hits(served("[random]\nseed = 3\nerror_before = 0\n"), 50) == []


def test_one_fault_does_not_shift_anothers_draws() -> None:
    alone = served("[random]\nseed = 3\ndrop_before = 0.05\n")
    both = served("[random]\nseed = 3\ndrop_before = 0.05\nerror_before = 0.05\n")
    assert set(hits(alone, 500)) < set(hits(both, 500))


def test_fault_by_chance_befalls_only_what_it_can() -> None:
    assert hits(served("[random]\nseed = 3\nskew = 1\nfilter = 1\nlate = 1\nlag = 1\n"), 20) == []


def test_script_comes_before_chance() -> None:
    script = '[[script]]\nfault = "limit"\nretry_after_ms = 5\nrequest = "GET ping"\nhit = 1\n'
    faults = served(f"{script}[random]\nseed = 3\nerror_before = 1\n")
    assert len(hits(faults, 3)) == 3
    assert counts(faults) == {"error_before": 2, "limit": 1}


def test_chance_ends_with_its_time_and_all_of_it_with_it() -> None:
    text = "[random]\nseed = 5\nat = '1h'\nuntil = '25h'\nban = 0.5\noutages_per_day = 5\n"
    text += "delistings_per_day = 5\nerror_before = 0.2\n"
    faults = served(text)
    assert hits(faults, 20) == []
    failed = 0
    for minute in range(60, 25 * 60):
        faults.advance_to(at(2) + minute * 60_000)
        failed += len(hits(faults, 1))
    assert failed > 500
    assert counts(faults)["outage"] > 60
    faults.advance_to(at(27))
    assert hits(faults, 20) == []
    info = faults.serve(Request("GET", "/api/v3/exchangeInfo")).written
    assert info is not None
    assert '"status":"TRADING"' in info.text


@pytest.mark.parametrize("key", PER_DAY)
def test_count_a_day_is_kept_on_average(key: str) -> None:
    made = book("100 " * 9, cash={"USDT": "1000", "BTC": "2"}, hours=2)
    faults = served(f"[random]\nseed = 11\n{key} = 1.5\n", made)
    happened: Counter[str] = Counter()
    for day in range(1, 101):
        faults.advance_to(at(2) + day * 24 * HOUR)
        happened = Counter(counts(faults))
    fault = PER_DAY[key]
    if fault in ("outage", "vanish"):
        assert not happened  # Nobody asked, and no order was open.
    else:
        assert 130 <= happened[fault] <= 170, happened


def test_time_in_one_step_or_in_many_brings_the_same() -> None:
    text = "[random]\nseed = 4\nbalance_changes_per_day = 9\ndelistings_per_day = 3\n"
    logs = []
    for step in (1, 7, 48):
        made = book("100 " * 60, cash={"USDT": "1000", "BTC": "2"}, hours=2)
        faults = served(text, made)
        for hour in range(step, 48, step):
            faults.advance_to(at(2 + hour))
        faults.advance_to(at(50))
        logs.append((faults.status(), made.free))
    assert logs[0] == logs[1] == logs[2]


def test_missing_candles_are_the_same_for_every_question() -> None:
    made = book("100 " * 400)
    with faulty("[random]\nseed = 2\ncandle_gap = 0.1\n", made, is_stepped=True) as it:
        it.server.advance_to(at(300))
        rows = [row[0] for row in it.client.fetch_ohlcv(SYMBOL, "1h", limit=500)]
        assert 255 <= len(rows) <= 285
        assert [row[0] for row in it.client.fetch_ohlcv(SYMBOL, "1h", limit=20)] == rows[-20:]
        assert len(it.status()["fault_log"]) == it.faults()["candle_gap"]


def test_log_keeps_the_last_thousand_and_counts_all() -> None:
    faults = served("[random]\nseed = 3\nerror_before = 1\n")
    hits(faults, 1100)
    log = faults.status()["fault_log"]
    assert isinstance(log, list)
    assert (len(log), counts(faults)) == (1000, {"error_before": 1100})


def test_every_kind_can_come_by_chance() -> None:
    assert {*RATES, *PER_DAY.values()} == set(KINDS)
