"""What a run is said to have found: every fault is in the table, a failure is in the words."""

from dataclasses import replace

from tests.crash.bulk import Done
from tests.simulation.long import Long
from tests.simulation.options import drawn
from tests.simulation.report import FAULTS, STATES
from tests.simulation.run import Tally
from tests.simulation.world import run_world
from tests.simulation.zoo import Caught
from tests.simulation.zoo_table import ZOO, Row


def _found(*, failure: str = "", is_caught: bool = True, crash: str = "") -> Long:
    total = Tally()
    total.add(replace(run_world(drawn(7, days=2)), failure=failure))
    crashes = Done(points=1, deaths=2, failures=[crash] if crash else [])
    bug = next(bug for bug in ZOO if not bug.test)
    row = Row(Caught(bug, is_caught, 7 if is_caught else None, 1, "I1: x"), 0.5)
    return Long(first=7, crash_seeds=1, worlds=total, zoo=[row], crashes=crashes)


def test_sound_run_says_so_and_names_its_seeds() -> None:
    found = _found()
    told = "\n".join(found.told())
    assert found.is_sound()
    assert "1 worlds, seeds 7 to 7, 0 with their journal on a disk" in told
    assert "0 violations." in told
    assert "1 of 1 planted bugs were caught." in told
    assert f"| {found.zoo[0].caught.bug.name} | seed 7 | 1 | 0.5 | I1 |" in told
    assert "1 crash points with 1 seeds, 2 deaths, 0 violations." in told


def test_violation_a_bug_that_was_not_caught_and_a_bad_death_are_named() -> None:
    world, bug, death = _found(failure="I1: x"), _found(is_caught=False), _found(crash="lost")
    assert not any(each.is_sound() for each in (world, bug, death))
    assert "1 violations: seeds 7" in "\n".join(world.told())
    assert f"were caught: not {bug.zoo[0].caught.bug.name}" in "\n".join(bug.told())
    assert "2 deaths, 1 violations." in "\n".join(death.told())


def test_table_has_a_row_for_every_fault_that_is_drawn_and_a_column_for_every_state() -> None:
    told = _found().told()
    assert set(drawn(1).faults) == set(FAULTS)
    assert f"| fault | in all | {' | '.join(STATES)} |" in told
    assert all(any(line.startswith(f"| {fault} | ") for line in told) for fault in FAULTS)
