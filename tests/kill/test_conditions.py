"""Whatever else is broken, `tradebot kill` does what can be done, and says the rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kill.conditions import CONDITIONS, Condition
from tests.kill.ground import Ground, ground
from tests.kill.measure import measured

RUNS = 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Return where all conditions are tried."""
    with ground(Path(tmp_path_factory.mktemp("kill"))) as made:
        yield made


@pytest.mark.long
@pytest.mark.parametrize("number", range(RUNS))
@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda each: each.name)
def test_kill_works_or_says_what_it_did_not_do(
    place: Ground, condition: Condition, number: int
) -> None:
    found = measured(condition, place, number)
    assert not found.faults, "\n".join(found.faults)
