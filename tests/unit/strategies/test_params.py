"""Parameters from a config table: what is accepted, and the words of every refusal."""

from dataclasses import FrozenInstanceError, dataclass
from decimal import Decimal

import pytest

from tests.support.user_strategies import Returns
from tradebot.errors import ConfigError
from tradebot.strategies.base import Strategy, parse_params
from tradebot.strategies.ema_cross import EmaCross, EmaCrossParams
from tradebot.strategies.params import Choices, Range, choice, domains, param
from tradebot.strategies.registry import available
from tradebot.strategies.vote import Vote, VoteParams


@dataclass(frozen=True, slots=True)
class OneOfEachParams:
    """A parameter of every kind a config table can hold."""

    count: int = param(3, 1, 10, 1)
    level: float = param(0.5, 0.0, 1.0, 0.1)
    side: str = choice("long", ("long", "short"))
    is_strict: bool = choice(True, (True, False))
    note: str = ""


class OneOfEach(Returns):
    """Takes one parameter of each kind."""

    name = "one_of_each"
    Params = OneOfEachParams


def refusal(table: dict[str, object], strategy: type[Strategy] = OneOfEach) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_params(strategy(), table)
    return caught.value.message


def test_an_empty_table_gives_the_defaults() -> None:
    for strategy in available().values():
        assert parse_params(strategy, {}) == strategy.Params()


def test_values_are_taken_as_toml_gives_them() -> None:
    table = {"count": 4, "level": Decimal("0.25"), "side": "short", "is_strict": False, "note": "x"}
    assert parse_params(OneOfEach(), table) == OneOfEachParams(4, 0.25, "short", False, "x")
    assert parse_params(OneOfEach(), {"level": 1}) == OneOfEachParams(level=1.0)
    assert parse_params(OneOfEach(), {"level": 0.75}) == OneOfEachParams(level=0.75)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    params = parse_params(OneOfEach(), {"count": Decimal("4.0")})
    assert params == OneOfEachParams(count=4)
    assert isinstance(params, OneOfEachParams)
    assert type(params.count) is int


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    assert refusal({"fats": 10}, EmaCross) == (
        "ema_cross: unknown parameter 'fats'; did you mean 'fast'?"
    )
    assert refusal({"zzz": 10}, EmaCross) == "ema_cross: unknown parameter 'zzz'"


def test_an_unknown_key_lists_what_there_is() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_params(EmaCross(), {"zzz": 1})
    assert caught.value.hint == "ema_cross takes: fast, slow"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"count": 11}, "one_of_each: count = 11 is above the maximum 10"),
        ({"count": 0}, "one_of_each: count = 0 is below the minimum 1"),
        ({"count": Decimal("2.5")}, "one_of_each: count = 2.5 must be a whole number"),
        ({"count": True}, "one_of_each: count = True must be a whole number"),
        ({"count": "3"}, "one_of_each: count = '3' must be a whole number"),
        ({"level": Decimal("1.01")}, "one_of_each: level = 1.01 is above the maximum 1"),
        ({"level": Decimal("-0.1")}, "one_of_each: level = -0.1 is below the minimum 0"),
        ({"level": True}, "one_of_each: level = True must be a number"),
        ({"level": "high"}, "one_of_each: level = 'high' must be a number"),
        ({"level": Decimal("NaN")}, "one_of_each: level = NaN must be a finite number"),
        ({"level": float("inf")}, "one_of_each: level = inf must be a finite number"),
        (
            {"side": "shrot"},
            "one_of_each: side = 'shrot' is none of long, short; did you mean 'short'?",
        ),
        ({"side": 1}, "one_of_each: side = 1 must be a text in quotes"),
        ({"is_strict": 1}, "one_of_each: is_strict = 1 must be true or false"),
        ({"note": Decimal(3)}, "one_of_each: note = Decimal('3') must be a text in quotes"),
    ],
)
def test_a_wrong_value_is_refused_by_name_value_and_bound(
    table: dict[str, object], message: str
) -> None:
    assert refusal(table) == message


def test_both_ends_of_a_range_are_inside_it() -> None:
    assert parse_params(OneOfEach(), {"count": 1, "level": 1}) == OneOfEachParams(1, 1.0)
    assert parse_params(OneOfEach(), {"count": 10, "level": 0}) == OneOfEachParams(10, 0.0)


def test_a_fast_period_that_is_not_below_the_slow_one_is_refused() -> None:
    assert refusal({"fast": 60}, EmaCross) == "ema_cross: fast 60 must be below slow 50"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"sma_fast": 50}, "vote: sma_fast 50 must be below sma_slow 50"),
        ({"macd_fast": 26}, "vote: macd_fast 26 must be below macd_slow 26"),
        (
            {"confidence_min": 0.9, "confidence_max": 0.8},
            "vote: confidence_min 0.9 must not be above confidence_max 0.8: no vote could ever "
            "count",
        ),
        (
            {f"weight_{voter}": 0 for voter in ("sma", "rsi", "macd", "bollinger", "stochastic")},
            "vote: at least one of the five weights must be above 0",
        ),
    ],
)
def test_a_vote_that_cannot_work_is_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_params(Vote(), table)
    assert caught.value.message == message


def test_every_default_lies_in_its_own_range() -> None:
    for strategy in available().values():
        for key, domain in domains(strategy).items():
            default = getattr(strategy.Params(), key)
            if isinstance(domain, Range):
                assert domain.low <= default <= domain.high, (strategy.name, key)
                assert domain.step > 0
            else:
                assert default in domain.options


def test_domains_are_what_a_search_may_try() -> None:
    assert domains(EmaCross()) == {"fast": Range(1, 200, 1), "slow": Range(2, 400, 1)}
    assert domains(OneOfEach())["side"] == Choices(("long", "short"))


def test_params_cannot_be_changed() -> None:
    for params, key in ((EmaCrossParams(), "fast"), (VoteParams(), "score_min")):
        with pytest.raises(FrozenInstanceError):
            setattr(params, key, 3)
