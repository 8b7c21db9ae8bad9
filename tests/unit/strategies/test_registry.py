"""Finding strategies: by name, by entry point, by the path of a user's file."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.support.frames import random_walk
from tradebot.errors import ConfigError
from tradebot.strategies import registry
from tradebot.strategies.base import last_signal, parse_params
from tradebot.strategies.registry import ENTRY_POINT_GROUP, available, load

EXAMPLE = Path(__file__).parents[2] / "support" / "example_strategy.py"
PLANTED = EXAMPLE.with_name("user_strategies.py")


def refusal(name_or_path: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(name_or_path)
    return caught.value


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Entry points that a test pretends are installed."""
    entries: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: list(entries))
    return entries


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=ENTRY_POINT_GROUP)


def test_our_own_strategies_are_there_without_being_installed(installed: list[EntryPoint]) -> None:
    assert list(available()) == ["vote", "ema_cross", "rsi_reversion", "donchian", "blend"]
    for name in available():
        assert load(name).name == name


def test_our_own_entry_points_are_no_clash(installed: list[EntryPoint]) -> None:
    installed += [
        entry(cls.name, f"{cls.__module__}:{cls.__qualname__}") for cls in registry.BUILT_IN
    ]
    assert len(available()) == len(registry.BUILT_IN)


def test_an_installed_package_adds_its_strategy(installed: list[EntryPoint]) -> None:
    installed.append(entry("never_forgets", "tests.support.user_strategies:NeverForgets"))
    assert load("never_forgets").name == "never_forgets"
    assert "never_forgets" in available()


def test_an_installed_package_cannot_take_a_name_of_ours(installed: list[EntryPoint]) -> None:
    installed.append(entry("vote", "tests.support.user_strategies:NeverForgets"))
    with pytest.raises(ConfigError, match="the name 'vote' is taken"):
        available()
    assert type(load("vote")).__module__ == "tradebot.strategies.vote"


def test_a_broken_package_is_named_and_leaves_our_own_alone(installed: list[EntryPoint]) -> None:
    installed.append(entry("gone", "no_such_module_anywhere:Gone"))
    assert load("donchian").name == "donchian"
    assert refusal("gone").message == (
        "entry point gone = no_such_module_anywhere:Gone raised ModuleNotFoundError: "
        "No module named 'no_such_module_anywhere'"
    )


def test_an_entry_point_and_its_strategy_agree_on_the_name(installed: list[EntryPoint]) -> None:
    installed.append(entry("other", "tests.support.user_strategies:NeverForgets"))
    assert "the strategy calls itself 'never_forgets'" in refusal("other").message


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    error = refusal("ema_cros")
    assert error.message == "no strategy is called 'ema_cros'; did you mean 'ema_cross'?"
    assert "vote, ema_cross, rsi_reversion, donchian, blend" in error.hint
    assert error.exit_code == 78


def test_a_file_with_one_strategy_is_loaded_by_its_path() -> None:
    strategy = load(str(EXAMPLE))
    assert strategy.name == "above_mean"
    signal = last_signal(strategy, random_walk(41, 100), parse_params(strategy, {"period": 20}))
    assert signal.exposure_ppm in (0, 1_000_000)


def test_a_class_is_picked_from_a_file_by_its_name() -> None:
    assert load(f"{PLANTED}:NeverForgets").name == "never_forgets"


def test_a_file_with_several_strategies_asks_which() -> None:
    error = refusal(str(PLANTED))
    assert (
        "must hold exactly one complete strategy class; it holds SeesTomorrow, K" in error.message
    )
    assert error.hint == "name the one you mean, as in user_strategies.py:ClassName"


def test_a_class_that_is_not_in_the_file_is_refused_with_the_nearest_one() -> None:
    assert refusal(f"{PLANTED}:NeverForget").message.endswith(
        "there is no class 'NeverForget'; did you mean 'NeverForgets'?"
    )


def test_a_file_that_is_not_there_is_named() -> None:
    assert refusal("nowhere/mine.py").message == "strategy file nowhere/mine.py is not there"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module_anywhere", "raised ModuleNotFoundError: No module named"),
        ("def broken(:", "raised SyntaxError"),
        ("x = 1 / 0", "raised ZeroDivisionError: division by zero"),
        ("x = 1", "must hold exactly one complete strategy class; it holds none"),
    ],
)
def test_a_file_that_cannot_be_a_strategy_says_why(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert message in refusal(str(path)).message


HEAD = """
import dataclasses
import numpy as np
from tradebot.strategies.base import Explanation, Strategy

@dataclasses.dataclass(frozen=True)
class NoParams:
    pass

@dataclasses.dataclass
class SoftParams:
    pass

class Base(Strategy):
    def warmup(self, params): return 1
    def exposure(self, candles, params): return np.ones(len(candles))
"""
EXPLAIN = "    def explain(self, candles, params): return Explanation(1.0, ('so',))\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("class Mine(Base):\n    name = 'mine'\n    Params = NoParams\n", "it lacks explain"),
        ("class Mine(Base):\n    Params = NoParams\n" + EXPLAIN, "class attribute `name`, a text"),
        ("class Mine(Base):\n    name = 'mine'\n" + EXPLAIN, "`Params`, a frozen dataclass"),
        (
            "class Mine(Base):\n    name = 'mine'\n    Params = SoftParams\n" + EXPLAIN,
            "`Params`, a frozen dataclass",
        ),
        ("Mine = 3\n", "is not a subclass of tradebot.strategies.base.Strategy"),
        ("class Mine:\n    pass\n", "is not a subclass of tradebot.strategies.base.Strategy"),
    ],
)
def test_a_class_that_is_not_a_whole_strategy_says_what_it_lacks(
    tmp_path: Path, body: str, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(HEAD + body)
    assert message in refusal(f"{path}:Mine").message


def test_the_shortest_whole_strategy_trades(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        HEAD + "class Mine(Base):\n    name = 'mine'\n    Params = NoParams\n" + EXPLAIN
    )
    strategy = load(str(path))
    assert last_signal(strategy, random_walk(42, 3), strategy.Params()).exposure_ppm == 1_000_000
