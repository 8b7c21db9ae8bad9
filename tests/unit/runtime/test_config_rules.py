"""What may be set about trading: every bound, what contradicts, and what it comes to as rules."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.shell import refused
from tests.tidy.rule import ROOT
from tradebot.engine.settings import Pace, Pauses
from tradebot.errors import ConfigError
from tradebot.model.timeframe import timeframe_ms
from tradebot.runtime.config import Config, load_config
from tradebot.runtime.config_rules import (
    EntriesSection,
    ExitsSection,
    PausesSection,
    RiskSection,
    Section,
    SizingSection,
)

SECTIONS: dict[str, type[Section]] = {
    "sizing": SizingSection,
    "exits": ExitsSection,
    "entries": EntriesSection,
    "risk": RiskSection,
    "pauses": PausesSection,
}


@pytest.fixture
def told(tmp_path: Any) -> Any:
    """Return how `load_config` refuses a text."""

    def say(text: str) -> str:
        path = tmp_path / "c.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        return caught.value.message.removeprefix(f"{tmp_path}/")

    return say


# --- what contradicts ---------------------------------------------------------------------------

CONTRADICTIONS = {
    "[risk]\ndaily_loss_fraction_max = 0.3\ndrawdown_fraction_max = 0.2": (
        "risk.daily_loss_fraction_max 0.3 is above risk.drawdown_fraction_max 0.2, and would never "
        "trip"
    ),
    "[risk]\nposition_fraction_max = 0.9\nexposure_fraction_max = 0.05": (
        "risk.position_fraction_max 0.9 is above risk.exposure_fraction_max 0.05, and would never "
        "bind"
    ),
    "[risk]\nexposure_fraction_max = 0.29\nclusters = [['BTC/USDT', 'ETH/USDT']]": (
        "risk.cluster_fraction_max 0.3 is above risk.exposure_fraction_max 0.29, and would never "
        "bind"
    ),
    "[pauses]\ncooldown_candles = 25": (
        "pauses.market_stops_max 2 would never pause anything: no more than 1 can end within "
        "pauses.stops_within_candles 24"
    ),
    "[pauses]\nall_cooldown_candles = 25": (
        "pauses.market_stops_max 2 would never pause anything: no more than 1 can end within "
        "pauses.stops_within_candles 24"
    ),
    "[pauses]\nstops_within_candles = 3\nstops_max = 9": (
        "pauses.stops_max 9 would never pause anything: no more than 8 can end within "
        "pauses.stops_within_candles 3"
    ),
    "[pauses]\nlow_profit_within_candles = 3\nmarket_low_profit_trades = 5": (
        "pauses.market_low_profit_trades 5 would never pause anything: no more than 4 can end "
        "within pauses.low_profit_within_candles 3"
    ),
    "[pauses]\nlow_profit_within_candles = 3\nlow_profit_trades = 9": (
        "pauses.low_profit_trades 9 would never pause anything: no more than 8 can end within "
        "pauses.low_profit_within_candles 3"
    ),
    "[risk]\norders_per_minute_max = 700": (
        "risk.orders_per_minute_max 700 is above risk.orders_per_hour_max 600"
    ),
    "[sizing]\nrisk_fraction = 0.021": (
        "sizing.risk_fraction 0.021 is above risk.risk_fraction_max 0.02: a single trade could "
        "lose more than that"
    ),
    "[sizing]\nmethod = 'volatility'\nrisk_fraction = 0.021": (
        "sizing.risk_fraction 0.021 is above risk.risk_fraction_max 0.02: a single trade could "
        "lose more than that"
    ),
    "[sizing]\nrisk_fraction = 0.04\n[risk]\nrisk_fraction_max = 0.05": (
        "sizing.risk_fraction 0.04 is above risk.daily_loss_fraction_max 0.03: a single trade "
        "could lose more than that"
    ),
    "[exits]\nstop_fraction = 0": (
        "sizing.method 'risk' sizes by the stop: set exits.stop_fraction above 0, or use "
        "sizing.method 'fraction'"
    ),
    "[exits]\ntarget_fraction = 0.029999": (
        "exits.target_fraction 0.029999 is less than risk.reward_to_risk_min 1.5 times the stop "
        "0.02: every entry would be refused; set it to at least 0.03, or risk.reward_to_risk_min "
        "lower"
    ),
    "[sizing]\nmethod = 'fraction'\n[exits]\nstop_fraction = 0\ntrailing_fraction = 0.03": (
        "exits.target_fraction 0.04 is less than risk.reward_to_risk_min 1.5 times the stop 0.03: "
        "every entry would be refused; set it to at least 0.045, or risk.reward_to_risk_min lower"
    ),
    "[risk]\nclusters = [['BTC/USDT', 'SOL/USDT']]": (
        "risk.clusters names SOL/USDT, not in bot.markets"
    ),
    "[risk]\nclusters = [['BTC/USDT']]": (
        "risk.clusters: a cluster is of two markets or more, each named once"
    ),
    "[risk]\nclusters = [['BTC/USDT', 'ETH/USDT', 'BTC/USDT']]": (
        "risk.clusters: a cluster is of two markets or more, each named once"
    ),
    "[risk]\nclusters = [[]]": (
        "risk.clusters: a cluster is of two markets or more, each named once"
    ),
}


@pytest.mark.parametrize("text", CONTRADICTIONS, ids=lambda text: " ".join(text.split()))
def test_limits_that_cannot_both_hold_are_refused(told: Any, text: str) -> None:
    assert told(text) == f"c.toml: config: {CONTRADICTIONS[text]}"


@pytest.mark.parametrize(
    "text",
    [
        "[risk]\ndaily_loss_fraction_max = 0.2\ndrawdown_fraction_max = 0.2",
        "[risk]\norders_per_minute_max = 600",
        "[sizing]\nrisk_fraction = 0.02",
        "[sizing]\nrisk_fraction = 0.03\n[risk]\nrisk_fraction_max = 0.03",
        "[sizing]\nmethod = 'fraction'\nrisk_fraction = 1",
        "[sizing]\nmethod = 'fraction'\n[exits]\nstop_fraction = 0",
        "[sizing]\nmethod = 'volatility'\n[exits]\nstop_fraction = 0",
        "[exits]\ntarget_fraction = 0.03",
        "[exits]\ntarget_fraction = 0",
        "[exits]\ntarget_fraction = 0.000001\n[risk]\nreward_to_risk_min = 0",
        "[exits]\ntrailing_fraction = 0.01\nstop_fraction = 0.5\ntarget_fraction = 0.015",
        "[risk]\nclusters = [['BTC/USDT', 'ETH/USDT']]",
        "[risk]\nposition_fraction_max = 0.05\nexposure_fraction_max = 0.05",
        "[risk]\nposition_fraction_max = 1",
        "[risk]\nexposure_fraction_max = 0.1",
        "[risk]\nexposure_fraction_max = 0.3\nclusters = [['BTC/USDT', 'ETH/USDT']]",
        "[pauses]\ncooldown_candles = 24",
        "[pauses]\nmarket_stops_max = 13",
        "[pauses]\nstops_within_candles = 3\nstops_max = 8",
        "[pauses]\nlow_profit_within_candles = 3\nmarket_low_profit_trades = 4",
        "[pauses]\nlow_profit_within_candles = 3\nlow_profit_trades = 8",
        "[pauses]\nlow_profit_pause_candles = 1000",
        "",
    ],
    ids=lambda text: " ".join(text.split()),
)
def test_limits_that_just_hold_are_taken(text: str) -> None:
    Config.model_validate(tomllib.loads(text, parse_float=Decimal))


# --- bad values ---------------------------------------------------------------------------------

# Section, key, the least and the most that is tried, and what is beyond each bound.
FRACTIONS = [
    ("sizing", "fraction", "0.000001", "1", "0", "1.000001"),
    ("exits", "stop_fraction", "0.000001", "1", "-0.000001", "1.000001"),
    ("exits", "target_fraction", "0", "10", "-0.000001", "10.000001"),
    ("exits", "trailing_fraction", "0", "1", "-0.000001", "1.000001"),
    ("entries", "offset_fraction", "0", "0.999999", "-0.000001", "1"),
    ("risk", "position_fraction_max", "0.000001", "1", "0", "1.000001"),
    ("risk", "exposure_fraction_max", "0.000001", "1", "0", "1.000001"),
    ("risk", "reserve_fraction", "0", "0.999999", "-0.000001", "1"),
    ("risk", "risk_fraction_max", "0.01", "1", "0", "1.000001"),
    ("risk", "reward_to_risk_min", "0", "2", "-0.000001", "100.000001"),
    ("risk", "daily_loss_fraction_max", "0.01", "0.2", "0", "1.000001"),
    ("risk", "drawdown_fraction_max", "0.03", "1", "0", "1.000001"),
    ("risk", "price_collar_fraction", "0.000001", "1", "0", "1.000001"),
    ("risk", "cluster_fraction_max", "0.000001", "1", "0", "1.000001"),
    ("risk", "order_notional_max", "0.00000001", "999999999999999", "0", "1E+15"),
    ("sizing", "risk_fraction", "0.000001", "0.02", "0", "1.000001"),
    ("sizing", "range_multiple", "0.000001", "100", "0", "100.000001"),
    ("pauses", "low_profit_fraction", "-1", "1", "-1.000001", "1.000001"),
]
COUNTS = [
    ("sizing", "range_candles", 2, 500),
    ("exits", "hold_candles_max", 0, 1_000_000),
    ("entries", "timeout_candles", 1, 1_000),
    ("entries", "reprice_max", 0, 1_000),
    ("risk", "open_positions_max", 1, 200),
    ("risk", "entries_per_day_max", 1, 100_000),
    ("risk", "orders_per_minute_max", 5, 6_000),
    ("risk", "orders_per_hour_max", 5, 100_000),
    ("risk", "errors_in_a_row_max", 1, 1_000),
    ("risk", "orders_in_doubt_max", 1, 1_000),
    ("risk", "open_orders_max", 3, 200),
    ("risk", "duplicate_seconds", 0, 86_400),
    ("pauses", "cooldown_candles", 0, 100_000),
    ("pauses", "all_cooldown_candles", 0, 100_000),
    ("pauses", "stops_max", 0, 200),
    ("pauses", "market_stops_max", 0, 200),
    ("pauses", "stops_within_candles", 1, 100_000),
    ("pauses", "stops_pause_candles", 1, 100_000),
    ("pauses", "low_profit_trades", 0, 200),
    ("pauses", "market_low_profit_trades", 0, 200),
    ("pauses", "low_profit_within_candles", 1, 100_000),
    ("pauses", "low_profit_pause_candles", 1, 100_000),
]
OTHERS = {("sizing", "method"), ("entries", "kind"), ("risk", "clusters")}


def _section(section: str, **values: object) -> Section:
    return SECTIONS[section].model_validate(values)


def test_every_number_that_may_be_set_is_tried_here() -> None:
    tried = {(section, key) for section, key, *_ in (*FRACTIONS, *COUNTS)} | OTHERS
    there = {(name, key) for name, section in SECTIONS.items() for key in section.model_fields}
    assert tried == there


@pytest.mark.parametrize(("section", "key", "least", "most", "under", "over"), FRACTIONS)
def test_bounds_of_a_fraction(
    section: str, key: str, least: str, most: str, under: str, over: str
) -> None:
    for text in (least, most):
        assert getattr(_section(section, **{key: Decimal(text)}), key) == Decimal(text)
    for wrong in (under, over):
        with pytest.raises(ValueError, match=key):
            _section(section, **{key: Decimal(wrong)})


@pytest.mark.parametrize(("section", "key", "least", "most"), COUNTS)
def test_bounds_of_a_count(section: str, key: str, least: int, most: int) -> None:
    for count in (least, most):
        assert getattr(_section(section, **{key: count}), key) == count
    for wrong in (least - 1, most + 1, -1):
        with pytest.raises(ValueError, match=key):
            _section(section, **{key: wrong})


NO_FRACTIONS = ["nan", "inf", "-inf", "'2 %'", "[0.1]", "true"]
NO_COUNTS = ["nan", "inf", "1.5", "'2 h'", "[1]"]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *((*row[:2], value) for row in FRACTIONS for value in NO_FRACTIONS),
        *((*row[:2], value) for row in COUNTS for value in NO_COUNTS),
    ],
)
def test_what_is_no_such_number_is_refused_with_its_line(
    told: Any, section: str, key: str, value: str
) -> None:
    words = told(f"[{section}]\n{key} = {value}")
    assert words.startswith(f"c.toml:2: {section}.{key}: "), words


@pytest.mark.parametrize(
    ("section", "key"), [row[:2] for row in FRACTIONS if row[1] != "order_notional_max"]
)
def test_fraction_finer_than_a_millionth_is_refused(told: Any, section: str, key: str) -> None:
    words = told(f"[{section}]\n{key} = 0.0000011")
    assert words.startswith(f"c.toml:2: {section}.{key}: ")
    assert "6 decimal places" in words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[risk]\ndaily_loss_max = 0.03",
            "c.toml:2: risk.daily_loss_max: unknown key - did you mean 'daily_loss_fraction_max'?",
        ),
        (
            "[pauses]\ncooldown = 2",
            "c.toml:2: pauses.cooldown: unknown key",
        ),
        ("[pause]\nstops_max = 2", "c.toml:1: pause: unknown key - did you mean 'pauses'?"),
        ("[risk]\nmax_drawdown = 0.2", "c.toml:2: risk.max_drawdown: unknown key"),
        ("[sizing]\nmethod = 'atr'", "c.toml:2: sizing.method: Input should be 'fraction', 'risk'"),
        ("[entries]\nkind = 'ioc'", "c.toml:2: entries.kind: Input should be 'market' or 'limit'"),
        ("[risk]\nclusters = ['BTC/USDT']", "c.toml:2: risk.clusters: this is a list"),
        ("[risk]\nclusters = 'BTC/USDT'", "c.toml:2: risk.clusters: this is a list"),
    ],
)
def test_unknown_key_and_word_are_named_with_their_line(told: Any, text: str, words: str) -> None:
    assert told(text).startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[risk]\ndrawdown_fraction_max = nan", "c.toml:2: risk.drawdown_fraction_max: "),
        ("[risk]\ndaily_loss_fraction_max = 3", "c.toml:2: risk.daily_loss_fraction_max: "),
        ("[pauses]\ncooldown = 2", "c.toml:2: pauses.cooldown: unknown key"),
        ("[risk]\ndrawdown_fraction_max = 0.02", "and would never trip"),
    ],
)
def test_the_check_refuses_it_before_anything_is_traded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(text, encoding="utf-8")
    assert words in refused(78, "config", "check", "--config", "c.toml")
    assert words in refused(78, "run", "--config", "c.toml")
    assert list(tmp_path.iterdir()) == [tmp_path / "c.toml"]


# --- what it comes to ---------------------------------------------------------------------------


def test_limits_are_as_careful_as_they_are_promised() -> None:
    by = Config().rules()
    assert by.position_ppm_max <= 100_000
    assert by.risk_ppm_max <= 20_000
    assert by.exposure_ppm_max <= 950_000
    assert by.open_positions_max <= 10
    assert by.drawdown_ppm_max <= 200_000
    assert by.daily_loss_ppm_max <= 30_000
    assert by.reward_ppm_min >= 1_500_000
    assert (by.stop_ppm, by.target_ppm) == (20_000, 40_000)


def test_example_file_sets_what_is_the_default() -> None:
    found = load_config(ROOT / "config.example.toml")
    # Its paths lie beside it.
    assert found.model_copy(update={"paths": Config().paths}) == Config()


def test_pauses_are_counted_in_candles_and_the_rest_as_it_is_written() -> None:
    text = """
        [bot]
        timeframe = "15m"
        [risk]
        clusters = [["BTC/USDT", "ETH/USDT"]]
        cluster_fraction_max = 0.25
        entries_per_day_max = 7
        orders_per_minute_max = 8
        orders_per_hour_max = 9
        errors_in_a_row_max = 3
        orders_in_doubt_max = 4
        open_orders_max = 5
        duplicate_seconds = 6
        [pauses]
        cooldown_candles = 1
        all_cooldown_candles = 2
        stops_max = 3
        market_stops_max = 4
        stops_within_candles = 11
        stops_pause_candles = 6
        low_profit_trades = 7
        market_low_profit_trades = 8
        low_profit_fraction = -0.01
        low_profit_within_candles = 9
        low_profit_pause_candles = 10
    """
    by = Config.model_validate(tomllib.loads(text, parse_float=Decimal)).rules()
    candle = timeframe_ms("15m")
    assert by.pauses == Pauses(
        cooldown_ms=candle,
        all_cooldown_ms=2 * candle,
        stops_max=3,
        market_stops_max=4,
        stops_within_ms=11 * candle,
        stops_pause_ms=6 * candle,
        low_profit_trades=7,
        market_low_profit_trades=8,
        low_profit_ppm=-10_000,
        low_profit_within_ms=9 * candle,
        low_profit_pause_ms=10 * candle,
    )
    assert by.pace == Pace(
        entries_per_day_max=7,
        orders_per_minute_max=8,
        orders_per_hour_max=9,
        errors_in_a_row_max=3,
        in_doubt_max=4,
        open_orders_max=5,
        duplicate_ms=6_000,
    )
    assert by.clusters == (frozenset({"binance:BTC/USDT", "binance:ETH/USDT"}),)
    assert by.cluster_ppm_max == 250_000
