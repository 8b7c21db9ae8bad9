"""A harness that has never failed proves nothing: each planted bug is caught."""

from importlib import import_module

import pytest

from tests.simulation.zoo import BUGS, Bug, hunt, planted
from tests.simulation.zoo_protection import BARE_BUGS, SEEN_BY_TEST

WORLDS_MAX = 200
HUNTED = (*BUGS, *BARE_BUGS)
ALL = (*HUNTED, *(bug for bug, _, _ in SEEN_BY_TEST))


@pytest.mark.long
@pytest.mark.parametrize("bug", HUNTED, ids=[bug.name for bug in HUNTED])
def test_planted_bug_is_caught(bug: Bug) -> None:
    caught = hunt(bug, WORLDS_MAX)
    assert caught is not None, f"not seen in {WORLDS_MAX} worlds: {bug.name}"


@pytest.mark.parametrize(
    ("bug", "module", "test"), SEEN_BY_TEST, ids=[bug.name for bug, _, _ in SEEN_BY_TEST]
)
def test_planted_bug_is_caught_by_its_test(bug: Bug, module: str, test: str) -> None:
    run = getattr(import_module(module), test)
    run()
    with planted(bug), pytest.raises(AssertionError):
        run()


@pytest.mark.parametrize("bug", ALL, ids=[bug.name for bug in ALL])
def test_bug_is_planted_and_taken_out_again(bug: Bug) -> None:
    before = [function.__code__ for function, _, _ in bug.changes]
    with planted(bug):
        assert all(
            function.__code__ is not code
            for (function, _, _), code in zip(bug.changes, before, strict=True)
        )
    assert [function.__code__ for function, _, _ in bug.changes] == before
