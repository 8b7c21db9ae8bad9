"""The benchmarks run, at sizes that say nothing of speed: a figure that cannot be made is found."""

import pytest

from benchmarks.figures import ALL, Size
from benchmarks.measure import Figure, machine

TINY = Size(
    repeats=1,
    candles=None,
    synthetic=3_000,
    memory_candles=24,
    memory_repeats=1,
    journal=200,
    signals=5,
)


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_every_figure_can_be_made(name: str) -> None:
    figures = list(ALL[name](TINY))
    assert figures
    assert all(figure.median > 0 for figure in figures)


def test_ratio_says_how_far_a_goal_is_passed() -> None:
    fast = Figure(name="a", unit="ms", values=(50.0, 70.0, 60.0), goal=150)
    rate = Figure(name="b", unit="1/s", values=(30_000.0,), goal=60_000, is_less_better=False)
    assert (fast.median, fast.ratio) == (60.0, 2.5)
    assert rate.ratio == 0.5
    assert rate.row() == "| b | 30,000 | 1/s | >= 60,000 | 0.50 MISSED | 30,000 to 30,000, n=1 |  |"
    assert "| 60 | ms | <= 150 | 2.50 | 50 to 70, n=3 |" in fast.row()


def test_figures_say_what_they_were_measured_on() -> None:
    said = machine()
    for word in ("tradebot", "Python", "ccxt", "pandas", "cores", "load"):
        assert word in said
