"""One cradle for all tests of a process, and folders in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.folders import quick_folder
from tests.crash.lives import Cradle


@pytest.fixture(scope="session")
def cradle() -> Iterator[Cradle]:
    """Return the process that bots are born of."""
    with Cradle() as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return an empty folder, in memory where there is one."""
    with quick_folder() as made:
        yield made
