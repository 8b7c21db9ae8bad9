"""Fault files: read whole or refused, every mistake named with its line, key and remedy."""

import re
from pathlib import Path

import pytest

from tests.support.builders import HOUR, START
from tests.support.sandbox import at, book
from tests.support.sandbox_faults import plan
from tradebot.errors import ConfigError
from tradebot.sandbox.faults_file import read_faults
from tradebot.sandbox.faults_plan import FOREVER, KINDS, PER_DAY, RATES, Period

DOCUMENT = Path(__file__).parents[3] / "docs" / "faults.md"
NO_TIME = 'this is no time: write it as "90m" after the start, or as 2024-01-01T04:00:00Z'
DROP = '[[script]]\nfault = "drop_before"\n'


def wrong(text: str) -> str:
    """Return what is said of a file, without its folder."""
    with pytest.raises(ConfigError) as caught:
        plan(text)
    assert caught.value.exit_code == 78
    assert caught.value.hint
    return re.sub(r"\S*/faults\.toml", "FILE", caught.value.message)


def script(lines: str) -> str:
    return f"# A comment.\n[[script]]\n{lines}\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            'fault = "drop_befor"',
            f"FILE:3: script.fault: is not one of {', '.join(KINDS)} - did you mean 'drop_before'?"
            " (got drop_befor)",
        ),
        ('request = "POST order"', "FILE:2: script.fault: is missing"),
        (
            'fault = "delay"\ndealy_ms = 5\ndelay_ms = 5',
            "FILE:4: script.dealy_ms: unknown key - did you mean 'delay_ms'?",
        ),
        (
            'fault = "delay"',
            "FILE:2: script.delay_ms: is missing: 'delay' needs it",
        ),
        (
            'fault = "delay"\ndelay_ms = "5"',
            "FILE:4: script.delay_ms: this is a whole number: write it without quotes (got 5)",
        ),
        (
            'fault = "delay"\ndelay_ms = true',
            "FILE:4: script.delay_ms: this is a whole number: write it without quotes (got True)",
        ),
        (
            'fault = "ban"\nban_ms = 0',
            "FILE:4: script.ban_ms: is not from 1 to 259200000 (got 0)",
        ),
        (
            'fault = "late"\nlate_ms = 5\nrequest = "POST ordre"',
            "FILE:5: script.request: is not one of DELETE openOrders, DELETE order, "
            "DELETE orderList, POST order, POST order/cancelReplace, POST order/oco, "
            "POST order/test, POST orderList/oco - did you mean 'POST order'? (got POST ordre)",
        ),
        (
            'fault = "late"\nlate_ms = 5\nrequest = "GET order"',
            "FILE:5: script.request: is not one of DELETE openOrders, DELETE order, "
            "DELETE orderList, POST order, POST order/cancelReplace, POST order/oco, "
            "POST order/test, POST orderList/oco - did you mean 'DELETE order'? (got GET order)",
        ),
        (
            'fault = "drop_before"\nhit = 0',
            'FILE:4: script.hit: is not "every", a number from 1, or a list of them (got 0)',
        ),
        (
            'fault = "drop_before"\nhit = "all"',
            'FILE:4: script.hit: is not "every", a number from 1, or a list of them (got all)',
        ),
        (
            'fault = "drop_before"\nat = "soon"',
            f"FILE:4: script.at: {NO_TIME} (got soon)",
        ),
        (
            'fault = "drop_before"\nat = "2h"\nuntil = "1h"',
            "FILE:5: script.until: is not after `at`, or the sandbox's start",
        ),
        ('fault = "outage"', "FILE:2: script.until: is missing: 'outage' needs it"),
        (
            'fault = "outage"\nuntil = "1h"\nanswer = "504"',
            "FILE:5: script.answer: is not one of drop, 502, 503 - did you mean '503'? (got 504)",
        ),
        (
            'fault = "garbage"\nexecuted = "no"',
            "FILE:4: script.executed: this is true or false, without quotes (got no)",
        ),
        (
            'fault = "filter"\nfilter = "LOTSIZE"',
            "FILE:4: script.filter: is not one of PRICE_FILTER, LOT_SIZE, MIN_NOTIONAL, NOTIONAL, "
            "MAX_NUM_ORDERS, MAX_NUM_ALGO_ORDERS, PERCENT_PRICE_BY_SIDE, MARKET_LOT_SIZE, "
            "INSUFFICIENT_BALANCE - did you mean 'LOT_SIZE'? (got LOTSIZE)",
        ),
        (
            'fault = "partial"\npieces = [0.7, 0.4]',
            "FILE:4: script.pieces: is no list of parts above 0, together at most 1, as [0.3, 0.2] "
            "(got [0.7, 0.4])",
        ),
        (
            'fault = "vanish"',
            "FILE:2: script.at: is missing: 'vanish' happens `at` a time or before a `request`",
        ),
        (
            'fault = "vanish"\nat = 2023-12-31T00:00:00Z',
            "FILE:4: script.at: lies before the sandbox's start",
        ),
        (
            'fault = "balance"\nat = "1h"\nasset = "USD"\nchange = 1',
            "FILE:5: script.asset: is not one of BTC, USDT - did you mean 'USDT'? (got USD)",
        ),
        (
            'fault = "balance"\nat = "1h"\nasset = "BTC"\nchange = 0.123456789',
            "FILE:6: script.change: has more than the coin's 8 decimals (got 0.123456789)",
        ),
        (
            'fault = "balance"\nat = "1h"\nasset = "BTC"\nchange = nan',
            "FILE:6: script.change: is no amount that an account can have (got NaN)",
        ),
        (
            'fault = "delist"\nsymbol = "BTCUSDT"',
            "FILE:4: script.symbol: is not one of BTC/USDT - did you mean 'BTC/USDT'? "
            "(got BTCUSDT)",
        ),
        (
            'fault = "candle_gap"\nat = "1h"',
            "FILE:2: script.until: is missing: 'candle_gap' needs it",
        ),
        (
            'fault = "candle_late"\nlate_ms = 5\nrequest = "GET klines"',
            "FILE:5: script.request: unknown key",
        ),
        ("fault = 5", 'FILE:3: script.fault: this is text: write it in quotes, "so" (got 5)'),
    ],
)
def test_wrong_script_is_refused_by_line_and_key(lines: str, message: str) -> None:
    assert wrong(script(lines)) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE: names no fault: write a [[script]] or a [random]"),
        ("[rand]\nseed = 1", "FILE:1: rand: unknown key - did you mean 'random'?"),
        (
            '[script]\nfault = "ban"',
            "FILE:1: script: this is a list of tables: write [[script]] above each",
        ),
        ("random = 1", "FILE:1: random: this is a table: write its keys under [random]"),
        ("seed =", "FILE: Invalid value (at end of document)"),
    ],
)
def test_wrong_file_is_refused_by_line_and_key(text: str, message: str) -> None:
    assert wrong(text) == message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("lag = 0.1", "2: random.seed: is missing"),
        ("seed = 1", "3: random.seed: nothing is to happen by chance: give a fault a rate"),
        ("seed = 1\nlag = 1.1", "4: random.lag: is not from 0 to 1 (got 1.1)"),
        ("seed = 1\nlag = -0.1", "4: random.lag: is not from 0 to 1 (got -0.1)"),
        ("seed = 1\nlag = nan", "4: random.lag: is not from 0 to 1 (got NaN)"),
        ("seed = 1\nlag = 1e-7", "4: random.lag: has more than 6 decimals (got 0.0000001)"),
        (
            "seed = 1\nlag = true",
            "4: random.lag: this is a number: write it without quotes, as 0.1 (got True)",
        ),
        ("seed = 1\nlagg = 0.1", "4: random.lagg: unknown key - did you mean 'lag'?"),
        ("seed = -1\nlag = 0.1", "3: random.seed: is not from 0 to 4294967295 (got -1)"),
        (
            "seed = 1\noutages_per_day = 1001",
            "4: random.outages_per_day: is not from 0 to 1000 (got 1001)",
        ),
        ("seed = 1\nlag = 0.1\nuntil = 5", f"5: random.until: {NO_TIME} (got 5)"),
    ],
)
def test_wrong_chance_is_refused_by_line_and_key(lines: str, message: str) -> None:
    assert wrong(f"# A comment.\n[random]\n{lines}\n") == f"FILE:{message}"


def test_every_mistake_is_named_at_once_in_its_own_table() -> None:
    text = f'{DROP}hit = 0\n{DROP}hit = 1\n[random]\nseed = 1\nban = 2\n{DROP}request = "POST x"\n'
    lines = wrong(text).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["FILE:3", "script.hit"],
        ["FILE:12", "script.request"],
        ["FILE:9", "random.ban"],
    ]


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file") as caught:
        read_faults(tmp_path / "none.toml", book("100 100"))
    assert caught.value.hint == "--faults takes the path of a file that you may read"
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(ConfigError, match=r"latin\.toml is not UTF-8 text"):
        read_faults(tmp_path / "latin.toml", book("100 100"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ('"0ms"', at(1)),
        ('"1500ms"', at(1) + 1500),
        ('"90m"', at(1) + HOUR * 3 // 2),
        ('"2d"', at(49)),
        ('"2024-01-01T04:00:00Z"', START + 4 * HOUR),
        ("2024-01-01T04:00:00Z", START + 4 * HOUR),
        ("2024-01-01T04:00:00", START + 4 * HOUR),
        ("2024-01-02", START + 24 * HOUR),
    ],
)
def test_times_are_after_the_start_or_absolute(text: str, moment: int) -> None:
    (script,) = plan(f"{DROP}at = {text}").scripts
    assert script.period == Period(moment, FOREVER)


def test_rates_become_parts_per_million_and_counts_a_day_too() -> None:
    random = plan("[random]\nseed = 9\nlag = 0.25\nban = 1\noutages_per_day = 0.5\n").random
    assert random is not None
    assert (random.seed, random.rates, random.per_day) == (
        9,
        {"lag": 250_000, "ban": 1_000_000},
        {"outage": 500_000},
    )


def test_documented_examples_are_read() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    made = plan(example)
    assert [each.fault for each in made.scripts] == ["drop_after", "outage"]
    assert made.random is not None


def test_every_fault_is_documented_with_an_example_that_is_read() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*)\|$", text, flags=re.MULTILINE)
    examples = {name: re.findall(r"`(\w+ = [^`]+)`", keys) for name, keys in rows if name in KINDS}
    assert set(examples) == set(KINDS)
    for fault, keys in examples.items():
        (script,) = plan("\n".join(["[[script]]", f'fault = "{fault}"', *keys])).scripts
        assert script.fault == fault
    assert all(f"`{key}`" in text for key in (*PER_DAY, *RATES))
