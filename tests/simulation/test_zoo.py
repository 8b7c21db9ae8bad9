"""A harness that has never failed proves nothing: each planted bug is caught.

Ten of those that worlds show are hunted here, and all that a test shows; the long run hunts all.
"""

import pytest

from tests.simulation.zoo import Bug, hunt, planted
from tests.simulation.zoo_table import ZOO

QUICK = [bug for bug in ZOO if bug.is_quick]
TESTED = [bug for bug in ZOO if bug.test]


def _names(bugs: list[Bug]) -> list[str]:
    return [bug.name for bug in bugs]


@pytest.mark.long
@pytest.mark.parametrize("bug", QUICK, ids=_names(QUICK))
def test_planted_bug_is_caught(bug: Bug) -> None:
    caught = hunt(bug)
    assert caught.is_caught, f"not seen in {caught.worlds} worlds: {bug.name}"


@pytest.mark.parametrize("bug", TESTED, ids=_names(TESTED))
def test_planted_bug_is_caught_by_its_test(bug: Bug) -> None:
    assert hunt(bug).is_caught


@pytest.mark.parametrize("bug", ZOO, ids=_names(list(ZOO)))
def test_bug_is_planted_and_taken_out_again(bug: Bug) -> None:
    before = [function.__code__ for function, _, _ in bug.changes]
    with planted(bug):
        assert all(
            function.__code__ is not code
            for (function, _, _), code in zip(bug.changes, before, strict=True)
        )
    assert [function.__code__ for function, _, _ in bug.changes] == before


def test_every_bug_has_a_name_of_its_own_and_ten_are_hunted_every_time() -> None:
    assert len(set(_names(list(ZOO)))) == len(ZOO) >= 25
    assert len(QUICK) == 10
