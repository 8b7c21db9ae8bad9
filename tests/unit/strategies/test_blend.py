"""Several strategies as one: weights, switches, how long an opinion stands, and its config."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tests.support.frames import from_closes, random_walk
from tests.support.user_strategies import PeriodParams, Returns
from tradebot.errors import ConfigError
from tradebot.strategies.base import Explanation, checked_exposure, last_signal, parse_params
from tradebot.strategies.blend import Blend, BlendParams, Member
from tradebot.strategies.donchian import DonchianParams
from tradebot.strategies.ema_cross import EmaCrossParams

NAN = np.nan
FIVE = from_closes("1 2 3 4 5")


class Says(Returns):
    """Says what it was told, row by row, counted from the last."""

    name = "says"

    def exposure(self, candles: pd.DataFrame, params: PeriodParams) -> np.ndarray:
        return np.array(self.answer, dtype=np.float64)[-len(candles) :]

    def warmup(self, params: PeriodParams) -> int:
        return 1

    def explain(self, candles: pd.DataFrame, params: PeriodParams) -> Explanation:
        return Explanation(0.5, ("told so",), {"told": 1.0})


def member(*values: float, weight: float = 1.0, enabled: bool = True) -> Member:
    return Member("says", PeriodParams(), Says(values), weight=weight, enabled=enabled)


def blended(*members: Member, memory: int = 1) -> list[float]:
    params = BlendParams(members=members, memory=memory)
    return checked_exposure(Blend(), FIVE, params).tolist()


def refusal(table: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_params(Blend(), table)
    return caught.value.message


def test_the_target_is_the_weighted_mean_of_the_members() -> None:
    assert blended(member(1, 1, 0, 0, -1, weight=3.0), member(1, 0, 1, 0, -1, weight=1.0)) == [
        1.0,
        0.75,
        0.25,
        0.0,
        -1.0,
    ]


def test_a_member_without_an_opinion_has_no_weight() -> None:
    values = blended(member(NAN, 1, NAN, 0, NAN), member(0.5, 0, NAN, NAN, 1))
    np.testing.assert_array_equal(values, [0.5, 0.5, NAN, 0.0, 1.0])


def test_an_opinion_stands_until_the_next_one_or_the_end_of_memory() -> None:
    np.testing.assert_array_equal(
        blended(member(1, NAN, NAN, NAN, 0), memory=3), [NAN, NAN, 1.0, NAN, 0.0]
    )


def test_a_member_that_is_switched_off_takes_no_part() -> None:
    assert blended(member(1, 1, 1, 1, 1), member(0, 0, 0, 0, 0, enabled=False)) == [1.0] * 5
    off = Member("ema_cross", EmaCrossParams(), Blend(), enabled=False)
    assert Blend().warmup(BlendParams(members=(member(1), off), memory=1)) == 1


def test_all_members_in_is_exactly_all_in_whatever_the_weights() -> None:
    weights = (0.1, 0.2, 0.3, 0.7, 1.1)
    assert blended(*(member(1, 1, 1, 1, 1, weight=weight) for weight in weights)) == [1.0] * 5


def test_the_warmup_is_the_longest_members_and_room_for_memory() -> None:
    table = {"members": [{"name": "donchian"}, {"name": "ema_cross"}], "memory": 10}
    params = parse_params(Blend(), table)
    assert Blend().warmup(params) == 691 + 9


def test_every_members_opinion_is_kept_as_a_reason() -> None:
    members = (member(1, 1, 1, 1, 1, weight=2.0), member(0, 0, NAN, NAN, NAN), member(*[NAN] * 5))
    signal = last_signal(Blend(), FIVE, BlendParams(members=members, memory=5))
    assert signal.reasons == (
        "says#1 (weight 2): exposure 1.00",
        "says#1: told so",
        "says#2 (weight 1): exposure 0.00, held for 3 candles",
        "says#2: told so",
        "says#3 (weight 1): no opinion",
        "says#3: told so",
    )
    assert signal.exposure_ppm == 666_667
    assert signal.confidence == 0.5
    assert signal.readings == {
        "says#1.told": 1.0,
        "says#1.exposure": 1.0,
        "says#2.told": 1.0,
        "says#2.exposure": 0.0,
        "says#3.told": 1.0,
    }


def test_members_come_from_nested_tables() -> None:
    params = parse_params(
        Blend(),
        {
            "members": [
                {"name": "ema_cross", "weight": Decimal("2.5"), "params": {"fast": 10}},
                {"name": "donchian", "enabled": False},
            ],
            "memory": 20,
        },
    )
    assert isinstance(params, BlendParams)
    first, second = params.members
    assert (first.name, first.weight, first.enabled) == ("ema_cross", 2.5, True)
    assert first.params == EmaCrossParams(fast=10)
    assert (second.params, second.enabled) == (DonchianParams(), False)
    assert params.active == (first,)
    assert params.memory == 20


def test_a_blend_of_one_is_that_one_once_memory_is_full() -> None:
    candles = random_walk(61, 1500)
    params = parse_params(Blend(), {"members": [{"name": "ema_cross"}], "memory": 1})
    alone = parse_params(params.members[0].strategy, {})
    np.testing.assert_array_equal(
        checked_exposure(Blend(), candles, params),
        checked_exposure(params.members[0].strategy, candles, alone),
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "blend: no member is enabled; list at least one with enabled = true"),
        (
            [{"name": "vote", "enabled": False}],
            "blend: no member is enabled; list at least one with enabled = true",
        ),
        (
            [{"name": "vote"}, {"name": "ema_cros"}],
            "blend: members[1]: no strategy is called 'ema_cros'; did you mean 'ema_cross'?",
        ),
        (
            [{"name": "ema_cross", "params": {"fats": 3}}],
            "blend: members[0]: ema_cross: unknown parameter 'fats'; did you mean 'fast'?",
        ),
        (
            [{"name": "vote", "wieght": 3}],
            "blend: members[0]: unknown key 'wieght'; did you mean 'weight'?",
        ),
        (
            [{"name": "vote", "weight": 0}],
            "blend: members[0]: weight = 0 is below the minimum 0.001",
        ),
        (
            [{"name": "vote", "weight": "1"}],
            "blend: members[0]: weight = '1' must be a number",
        ),
        (
            [{"name": "vote", "enabled": 1}],
            "blend: members[0]: enabled = 1 must be true or false",
        ),
        (
            [{"name": "vote", "params": [1]}],
            "blend: members[0]: params = [1] must be a table",
        ),
        (
            [{"weight": 1}],
            "blend: members[0]: name = None must be the name or path of a strategy",
        ),
        (
            ["vote"],
            "blend: members[0] = 'vote' must be a table like {name = 'vote', weight = 1.0}",
        ),
        (
            "vote",
            "blend: members must be a list of tables like {name = 'vote', weight = 1.0}",
        ),
    ],
)
def test_a_wrong_member_is_refused_by_place_and_key(members: object, message: str) -> None:
    assert refusal({"members": members}) == message
