"""When a client may speak: breakers, and all that decides, by clocks that the test moves."""

import asyncio

import pytest

from tests.support.two_clocks import Clocks
from tradebot.adapters.bans import Paused
from tradebot.adapters.breakers import (
    MINUTE_MS,
    TERMS,
    Breaker,
    CircuitOpen,
    Kind,
    Terms,
    Traffic,
)
from tradebot.ports import AlertLevel

USUAL = Terms(3, 5_000, 60_000)
URGENT = [kind for kind in Kind if TERMS[kind].is_urgent]


class Circuit:
    """A breaker between a clock and requests that the test answers."""

    def __init__(self, terms: Terms = USUAL) -> None:
        self.clocks = Clocks()
        self.breaker = Breaker(terms, self.clocks.steady_ms)

    def ask(self, *answers: bool) -> None:
        """Send requests one after the other, each answered or not."""
        for is_answered in answers:
            self.breaker.end(self.breaker.begin(), is_answered=is_answered)

    def pauses(self, count: int) -> list[int]:
        """Return how long each of the next pauses is, where no request is ever answered."""
        seen = []
        for _ in range(count):
            seen.append(self.breaker.wait_ms)
            self.clocks.pass_ms(self.breaker.wait_ms)
            self.ask(False)
        return seen


# --- the breaker --------------------------------------------------------------------------------


def test_breaker_opens_with_the_last_of_its_failures_and_not_before() -> None:
    circuit = Circuit()
    circuit.ask(False, False)
    assert not circuit.breaker.is_open
    circuit.ask(False)
    assert circuit.breaker.is_open
    assert circuit.breaker.wait_ms == 5_000


def test_answer_between_failures_makes_them_count_from_the_beginning() -> None:
    circuit = Circuit()
    circuit.ask(False, False, True, False, False)
    assert not circuit.breaker.is_open
    circuit.ask(False)
    assert circuit.breaker.is_open


def test_requests_that_fail_together_are_one_failure() -> None:
    """Else ten markets in a blip of a moment would silence the candles."""
    circuit = Circuit()
    for failures in range(1, 4):
        together = [circuit.breaker.begin() for _ in range(10)]
        for number in together:
            circuit.breaker.end(number, is_answered=False)
        assert circuit.breaker.failures == failures


def test_after_the_pause_one_request_leaves_and_its_answer_closes() -> None:
    circuit = Circuit()
    circuit.ask(False, False, False)
    circuit.clocks.pass_ms(4_999)
    assert circuit.breaker.wait_ms == 1
    circuit.clocks.pass_ms(1)
    assert circuit.breaker.wait_ms == 0
    probe = circuit.breaker.begin()
    assert circuit.breaker.is_probing
    assert circuit.breaker.end(probe, is_answered=True)
    assert not circuit.breaker.is_open
    assert not circuit.breaker.is_probing


def test_breaker_that_has_closed_knows_nothing_of_before() -> None:
    circuit = Circuit()
    circuit.ask(False, False, False)
    assert circuit.pauses(3) == [5_000, 10_000, 20_000]
    circuit.clocks.pass_ms(40_000)
    circuit.ask(True, False, False)
    assert not circuit.breaker.is_open
    circuit.ask(False)
    assert circuit.breaker.wait_ms == 5_000


def test_pause_doubles_with_each_failed_try_up_to_its_longest() -> None:
    circuit = Circuit()
    circuit.ask(False, False, False)
    assert circuit.pauses(6) == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]


@pytest.mark.parametrize("kind", URGENT)
def test_what_is_urgent_may_try_each_second_however_long_nothing_is_answered(kind: Kind) -> None:
    circuit = Circuit(TERMS[kind])
    circuit.ask(*[False] * TERMS[kind].failures_max)
    assert circuit.pauses(100) == [1_000] * 100


def test_what_left_before_decides_nothing_once_the_breaker_is_open() -> None:
    circuit = Circuit()
    circuit.ask(False, False)
    slow, last = circuit.breaker.begin(), circuit.breaker.begin()
    circuit.breaker.end(last, is_answered=False)
    assert circuit.breaker.is_open
    assert not circuit.breaker.end(slow, is_answered=True)
    assert circuit.breaker.is_open
    circuit.clocks.pass_ms(5_000)
    probe = circuit.breaker.begin()
    circuit.breaker.end(slow, is_answered=True)
    assert circuit.breaker.is_probing
    circuit.breaker.end(probe, is_answered=False)
    assert circuit.breaker.wait_ms == 10_000


def test_each_kind_has_terms_and_what_ends_a_position_is_urgent() -> None:
    assert set(TERMS) == set(Kind)
    assert set(URGENT) == {Kind.OUTCOME, Kind.PROTECTION, Kind.EXIT, Kind.CANCEL}
    for terms in TERMS.values():
        assert 0 < terms.pause_ms <= terms.pause_ms_max <= MINUTE_MS


# --- all of it ----------------------------------------------------------------------------------


class Client:
    """Everything that decides whether a request leaves, and what the owner hears."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.told: list[tuple[AlertLevel, str]] = []
        self.traffic = Traffic(
            limit=6_000,
            steady_ms=self.clocks.steady_ms,
            now_ms=self.clocks.now_ms,
            tell=lambda level, text: self.told.append((level, text)),
        )

    def ask(self, kind: Kind, status: int = 0, *, weight: int = 1, is_json: bool = True) -> None:
        """Send one request; 0 = its connection is closed without an answer."""
        asyncio.run(self.send(kind, status, weight=weight, is_json=is_json))

    async def send(
        self, kind: Kind, status: int = 0, *, weight: int = 1, is_json: bool = True
    ) -> None:
        """Send one request beside others."""
        request = await self.traffic.begin(kind, weight)
        try:
            await asyncio.sleep(0)
            if status:
                self.traffic.hear(request, status, {}, is_json=is_json)
        finally:
            self.traffic.end(request)

    def open(self, kind: Kind) -> None:
        """Have as many requests fail as it takes."""
        for _ in range(TERMS[kind].failures_max):
            self.ask(kind)
        assert self.traffic.breakers[kind].is_open

    def words(self, kind: Kind, weight: int = 1) -> str:
        """Return why a request does not leave; "" = it has, and was answered."""
        try:
            self.ask(kind, 200, weight=weight)
        except Paused as paused:
            return str(paused)
        return ""


@pytest.mark.parametrize(
    ("status", "is_json", "is_failure"),
    [
        (200, True, False),
        (400, True, False),
        (401, True, False),
        (409, True, False),
        (429, False, False),
        (418, False, False),
        (0, True, True),
        (200, False, True),
        (403, False, True),
        (404, False, True),
        (500, True, True),
        (502, False, True),
        (503, True, True),
        (504, False, True),
    ],
)
def test_refusal_is_an_answer_and_an_error_of_the_server_or_rubbish_is_none(
    status: int, is_json: bool, is_failure: bool
) -> None:
    client = Client()
    client.ask(Kind.ENTRY, status, is_json=is_json)
    assert client.traffic.breakers[Kind.ENTRY].failures == int(is_failure)


@pytest.mark.parametrize("broken", Kind)
def test_open_breaker_stops_its_own_kind_alone(broken: Kind) -> None:
    client = Client()
    client.open(broken)
    for kind in Kind:
        assert bool(client.words(kind)) == (kind is broken)


def test_words_say_what_failed_how_often_and_until_when() -> None:
    client = Client()
    client.open(Kind.ENTRY)
    assert client.words(Kind.ENTRY) == (
        "3 requests in a row for entries had no sound answer, "
        "so none is sent until 2024-01-01T00:00:25Z"
    )


def test_owner_hears_of_opening_and_closing_once_each() -> None:
    client = Client()
    client.open(Kind.EXIT)
    for _ in range(3):
        client.clocks.pass_ms(1_000)
        client.ask(Kind.EXIT)
    assert len(client.told) == 1
    client.clocks.pass_ms(1_000)
    client.ask(Kind.EXIT, 200)
    client.ask(Kind.EXIT, 200)
    client.open(Kind.ENTRY)
    assert [level for level, _ in client.told] == ["error", "info", "warning"]
    assert client.told[1][1] == "requests for exits are answered again"


@pytest.mark.parametrize(("status", "left"), [(200, 10), (0, 1)])
def test_requests_beside_the_one_that_decides_wait_for_it(status: int, left: int) -> None:
    client = Client()
    client.open(Kind.PUBLIC)
    client.clocks.pass_ms(2_000)
    before = client.traffic.budget.used

    async def together() -> list[object]:
        each = [client.send(Kind.PUBLIC, status) for _ in range(10)]
        return await asyncio.gather(*each, return_exceptions=True)

    answers = asyncio.run(together())
    assert client.traffic.budget.used - before == left
    assert sum(isinstance(each, CircuitOpen) for each in answers) == 10 - left
    assert client.traffic.breakers[Kind.PUBLIC].is_open == (left == 1)


def test_request_that_is_broken_off_frees_its_place_for_the_next_one() -> None:
    client = Client()
    client.open(Kind.PUBLIC)
    client.clocks.pass_ms(2_000)

    async def broken_off() -> None:
        task = asyncio.ensure_future(client.send(Kind.PUBLIC, 200))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(broken_off())
    client.clocks.pass_ms(4_000)
    assert client.words(Kind.PUBLIC) == ""


def test_ban_is_asked_first_and_spends_neither_budget_nor_the_try_of_a_breaker() -> None:
    client = Client()
    client.open(Kind.EXIT)
    client.clocks.pass_ms(1_000)
    used = client.traffic.budget.used
    client.traffic.pause.hear(418, {"Retry-After": "30"})
    assert "it answered 418" in client.words(Kind.EXIT)
    assert client.traffic.budget.used == used
    client.clocks.pass_ms(30_000)
    assert client.words(Kind.EXIT) == ""


def test_ban_s_answer_closes_a_breaker_since_only_the_ban_counts_then() -> None:
    client = Client()
    client.open(Kind.EXIT)
    client.clocks.pass_ms(1_000)
    client.ask(Kind.EXIT, 418)
    assert not client.traffic.breakers[Kind.EXIT].is_open
    assert "it answered 418" in client.words(Kind.EXIT)


def test_spent_budget_says_how_much_until_when_and_for_whom_the_rest_is() -> None:
    client = Client()
    client.ask(Kind.PUBLIC, 200, weight=4_800)
    for kind in (Kind.PUBLIC, Kind.ACCOUNT, Kind.ENTRY):
        assert client.words(kind) == (
            "4800 of the 6000 that a minute's requests may weigh are used, so this is not sent "
            "until 2024-01-01T00:01:20Z; what is left is kept for stops, exits and cancels"
        )
    for kind in URGENT:
        assert client.words(kind) == ""
    client.ask(Kind.EXIT, 200, weight=1_196)
    assert client.words(Kind.EXIT) == (
        "6000 of the 6000 that a minute's requests may weigh are used, so this is not sent until "
        "2024-01-01T00:01:20Z"
    )
    client.clocks.pass_ms(MINUTE_MS)
    for kind in Kind:
        assert client.words(kind) == ""


def test_clock_that_somebody_sets_opens_no_breaker_and_closes_none() -> None:
    client = Client()
    client.open(Kind.ENTRY)
    client.clocks.wall += 365 * 86_400_000
    assert client.words(Kind.ENTRY)
    client.clocks.wall -= 2 * 365 * 86_400_000
    client.clocks.steady += 5_000
    assert client.words(Kind.ENTRY) == ""
