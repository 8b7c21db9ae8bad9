"""In every seeded world the bot and the exchange end up telling the same story."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.options import DISK_EVERY, REPLACING, drawn
from tests.simulation.report import FAULTS
from tests.simulation.run import Tally
from tests.simulation.world import Result, run_world

SEEDS = Path(__file__).with_name("seeds.txt")
BLOCK = 20
FEW, MANY = 40, 500
FIRST_OF_MANY = 1_001


def _saved() -> list[int]:
    lines = SEEDS.read_text(encoding="utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def _told(result: Result) -> str:
    return "\n".join((result.options.told(), result.failure, *result.rows))


def _hold(first: int) -> Tally:
    """Run a block of worlds, the first of them twice; fail with the story of one that fails."""
    total = Tally()
    for seed in range(first, first + BLOCK):
        result = run_world(drawn(seed))
        if result.failure:
            pytest.fail(_told(result), pytrace=False)
        total.add(result)
    again = run_world(drawn(first))
    assert again.trace == run_world(drawn(first)).trace, f"seed {first} tells two stories"
    return total


@pytest.mark.parametrize("first", range(1, FEW, BLOCK))
def test_faults_lose_no_order_and_send_none_twice(first: int) -> None:
    total = _hold(first)
    # A world in which nothing happens proves nothing.
    events = ("order_absent", "order_dropped", "difference_found", "balance_adjusted")
    often = [each for each in FAULTS if each not in REPLACING]
    for what in (*often, *events, "fee coin kept"):
        assert total.counts[what], f"no {what} in {BLOCK} worlds"


@pytest.mark.long
@pytest.mark.parametrize("first", range(FIRST_OF_MANY, FIRST_OF_MANY + MANY, BLOCK))
def test_many_more_worlds_hold(first: int) -> None:
    _hold(first)


@pytest.mark.parametrize("seed", _saved())
def test_world_that_failed_once_holds(seed: int) -> None:
    result = run_world(drawn(seed))
    if result.failure:
        pytest.fail(_told(result), pytrace=False)


def test_options_name_every_fault_and_are_the_seeds_alone() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert "seed 7" in drawn(7).told()


# Its world passes as many different steps as any.
SEED_OF_ALL_STEPS = 70
STEPS = sorted(run_world(drawn(SEED_OF_ALL_STEPS)).steps)


@pytest.mark.long
@pytest.mark.parametrize("label", STEPS)
@pytest.mark.parametrize("hit", [1, 2])
def test_death_at_every_step_heals(label: str, hit: int) -> None:
    result = run_world(drawn(SEED_OF_ALL_STEPS, crash_at=(label, hit)))
    if result.failure:
        pytest.fail(_told(result), pytrace=False)


def test_journal_on_a_disk_tells_the_same_story() -> None:
    assert drawn(DISK_EVERY).is_on_disk, "one world of so many keeps it there"
    options = drawn(SEED_OF_ALL_STEPS)
    on_disk = run_world(replace(options, is_on_disk=True))
    assert on_disk.failure == ""
    assert on_disk.trace == run_world(options).trace


@pytest.mark.long
def test_story_is_the_same_in_processes_that_hash_otherwise() -> None:
    """What a set holds first differs between them: nothing may depend on it."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(SEED_OF_ALL_STEPS)]
    traces = set()
    for seed in ("0", "1"):
        told = subprocess.run(  # noqa: S603  # our own module, and a number
            command,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        traces.add(next(line for line in told.splitlines() if line.startswith("trace ")))
    assert len(traces) == 1
