"""A real bot that is killed at random moments, and nobody helps: journal and exchange agree."""

from pathlib import Path

import pytest

from tests.crash.kills import loop

KILLS = 10


@pytest.mark.long
def test_bot_killed_again_and_again_ends_with_the_books_of_the_exchange(tmp_path: Path) -> None:
    with loop(tmp_path, seed=0) as made:
        for _ in range(KILLS):
            made.kill()
        made.settle()
    tally = made.tally
    assert not tally.faults, "\n".join(tally.faults)
    assert tally.kills == KILLS
    assert tally.posts == 1
    assert tally.orders > 0
