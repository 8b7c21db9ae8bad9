"""What a minute's requests may weigh: by our own count, until the exchange tells its own."""

from random import Random

import pytest

from tests.support.builders import START
from tests.support.two_clocks import Clocks
from tradebot.adapters.breakers import MINUTE_MS, Budget
from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings


class Minute:
    """A budget of 6,000, of which 1,200 are kept."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.budget = Budget(6_000, self.clocks.steady_ms, self.clocks.now_ms)

    def spend(self, weight: int, told: int | None = None) -> None:
        """Send a request and have it answered."""
        self.budget.end(self.budget.begin(weight), told)

    def waits(self, weight: int) -> tuple[int, int]:
        """Return how long a read, and an exit, of this weight wait."""
        return (
            self.budget.wait_ms(weight, is_urgent=False),
            self.budget.wait_ms(weight, is_urgent=True),
        )


def test_reads_and_entries_stop_at_four_fifths_and_exits_at_all_of_it() -> None:
    minute = Minute()
    minute.spend(4_799)
    assert minute.waits(1) == (0, 0)
    assert minute.waits(2) == (MINUTE_MS, 0)
    minute.spend(1)
    assert minute.waits(1) == (MINUTE_MS, 0)
    minute.spend(1_199)
    assert minute.waits(1) == (MINUTE_MS, 0)
    minute.spend(1)
    assert minute.waits(1) == (MINUTE_MS, MINUTE_MS)


def test_wait_ends_when_enough_of_the_oldest_is_a_minute_old() -> None:
    minute = Minute()
    for weight in (1_000, 2_000, 1_800):
        minute.spend(weight)
        minute.clocks.pass_ms(10_000)
    assert minute.waits(1)[0] == 30_000
    assert minute.waits(1_000)[0] == 30_000
    assert minute.waits(1_001)[0] == 40_000
    minute.clocks.pass_ms(29_999)
    assert minute.waits(1)[0] == 1
    minute.clocks.pass_ms(1)
    assert minute.waits(1_000)[0] == 0
    assert minute.budget.used == 3_800


@pytest.mark.parametrize("told", [4_000, 20])
def test_exchange_s_own_count_replaces_ours_but_for_what_is_under_way(told: int) -> None:
    minute = Minute()
    minute.spend(3_000)
    under_way = minute.budget.begin(7)
    minute.spend(80, told)
    assert minute.budget.used == told + 7
    minute.budget.end(under_way, told + 7)
    assert minute.budget.used == told + 7


def test_what_the_exchange_told_ends_with_its_minute_and_a_second() -> None:
    minute = Minute()
    minute.spend(1, 6_000)
    assert minute.waits(1) == (41_000, 41_000)
    minute.clocks.pass_ms(40_999)
    assert minute.waits(1) == (1, 1)
    minute.clocks.pass_ms(1)
    assert minute.waits(1) == (0, 0)


def test_count_that_cannot_be_is_believed_for_a_minute_and_a_second_at_most() -> None:
    for second in range(60):
        minute = Minute()
        minute.clocks.wall = START + second * 1_000
        minute.spend(1, 10**11)
        assert max(minute.waits(1)) <= MINUTE_MS + 1_000


@pytest.mark.parametrize("seed", range(20))
def test_no_minute_ever_weighs_more_than_is_allowed(seed: int) -> None:
    minute = Minute()
    draw = Random(seed)  # noqa: S311  # a seeded order of requests, no secret
    sent: list[tuple[int, int, bool]] = []
    for _ in range(1_500):
        weight, is_urgent = draw.choice((1, 20, 80, 400)), draw.random() < 0.5
        if minute.budget.wait_ms(weight, is_urgent=is_urgent) == 0:
            sent.append((minute.clocks.steady, weight, is_urgent))
            minute.spend(weight)
        minute.clocks.pass_ms(draw.choice((0, 10, 700, 5_000)))
    for last, (now, _, is_urgent) in enumerate(sent):
        within = [weight for at, weight, _ in sent[: last + 1] if at > now - MINUTE_MS]
        assert sum(within) <= (6_000 if is_urgent else 4_800)


def test_client_s_own_pace_leaves_room_for_the_heaviest_request_under_the_share_of_reads() -> None:
    client = CcxtClient(ClientSettings(exchange="binance"))
    milliseconds = client.raw.rateLimit
    client.close()
    assert client.raw.throttler.config["refillRate"] == 1 / milliseconds
    # A cost of 1 is a weight of 5; all open orders weigh 80.
    assert MINUTE_MS / milliseconds * 5 + 80 < 4_800


def test_pace_that_the_configuration_sets_stands() -> None:
    client = CcxtClient(ClientSettings(exchange="binance", passthrough={"rateLimit": 100}))
    client.close()
    assert client.raw.rateLimit == 100
