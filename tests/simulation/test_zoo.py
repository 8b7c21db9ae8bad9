"""A harness that has never failed proves nothing: each planted bug is caught."""

import pytest

from tests.simulation.zoo import BUGS, Bug, hunt, planted

WORLDS_MAX = 200


@pytest.mark.long
@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_planted_bug_is_caught(bug: Bug) -> None:
    caught = hunt(bug, WORLDS_MAX)
    assert caught is not None, f"not seen in {WORLDS_MAX} worlds: {bug.name}"


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_bug_is_planted_and_taken_out_again(bug: Bug) -> None:
    before = [function.__code__ for function, _, _ in bug.changes]
    with planted(bug):
        assert all(
            function.__code__ is not code
            for (function, _, _), code in zip(bug.changes, before, strict=True)
        )
    assert [function.__code__ for function, _, _ in bug.changes] == before
