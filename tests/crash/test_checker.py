"""A checker that never complains proves nothing: each difference is seen, and a bot with a bug."""

import ast
import copy
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.crash import checker
from tests.crash.folders import quick_folder
from tests.crash.lives import Cradle, place
from tests.crash.points import KILL, settled
from tests.crash.scenarios import SHORT
from tests.support.crash_exchange import Story

Doctored = Callable[[Story], Any]


@pytest.fixture(scope="module")
def ended(cradle: Cradle) -> Iterator[tuple[Path, Story]]:
    """Return the journal of a life and the exchange's story, which agree."""
    with quick_folder() as folder, place(folder / "place", cradle, SHORT) as made:
        life = made.live()
        assert life.code == 0, life.err
        yield made.journal, made.story()


def _open_stop(story: Story) -> dict[str, Any]:
    (found,) = (
        each
        for each in story.orders.values()
        if each["type"] == "STOP_LOSS" and each["status"] == "NEW"
    )
    return found


def _orphaned(story: Story) -> None:
    order = copy.deepcopy(next(iter(story.orders.values())))
    story.orders["tb-foreign"] = order


def _posted_twice(story: Story) -> None:
    story.posts[next(iter(story.posts))] = 2


DOCTORED: list[tuple[str, Doctored]] = [
    ("is at the exchange and not in the journal", _orphaned),
    ("unknown at the exchange", lambda story: story.orders.popitem()),
    ("was posted 2 times", _posted_twice),
    ("was posted and is not in the journal", lambda story: story.posts.update({"tb-x": 1})),
    ("None traded", lambda story: story.trades.pop()),
    ("by the journal", lambda story: story.balances.update(USDT=Decimal(1))),
    ("of it under a stop", lambda story: _open_stop(story).update(type="LIMIT_MAKER")),
    ("is open in the journal and", lambda story: _open_stop(story).update(status="CANCELED")),
    ("for sale of", lambda story: _open_stop(story).update(origQty="5")),
    ("is another order", lambda story: _open_stop(story).update(side="BUY")),
]


def test_journal_and_exchange_agree_after_a_quiet_life(ended: tuple[Path, Story]) -> None:
    assert checker.faults(*ended) == []


@pytest.mark.parametrize(("words", "doctored"), DOCTORED, ids=[words for words, _ in DOCTORED])
def test_every_difference_is_seen(
    ended: tuple[Path, Story], words: str, doctored: Doctored
) -> None:
    path, story = ended[0], copy.deepcopy(ended[1])
    doctored(story)
    found = checker.faults(path, story)
    assert any(words in each for each in found), found


def test_bot_that_sends_before_it_writes_is_caught(cradle: Cradle, folder: Path) -> None:
    """What the whole suite is for: an order is out that no intent on disk tells of."""
    with place(folder / "place", cradle, SHORT) as made:
        careless = made.job(death=("place entry: answered", 1, KILL), is_careless=True)
        assert made.ended(careless, made.begin(careless)).code == -KILL
        assert settled(made, made.live()), "the next bot must refuse, or the books must differ"


def test_checker_knows_nothing_of_the_program() -> None:
    tree = ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in found for alias in node.names}
    names |= {getattr(node, "module", "") for node in found}
    assert not [name for name in names if name.partition(".")[0] in ("tradebot", "tests")]
