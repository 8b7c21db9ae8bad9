"""What every test runs under: a money context that traps floats, repeatable random examples."""

import decimal
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.canary_scan import (
    pytest_configure,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_testnodedown,
)
from tradebot.model.money import MONEY_CONTEXT

# Hooks: pytest calls them by their names here.
__all__ = [
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_testnodedown",
]

# Derandomized: the same examples in every run, so that a failure is anybody's to repeat.
settings.register_profile("tradebot", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("tradebot")

# Who starts the tests in the background of a shell has Ctrl-C ignored, here and in what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the locks of tests apart from those of this user's own bots."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _money_context() -> Iterator[None]:
    """Run each test as the Session runs: a float that meets a Decimal is an error."""
    with decimal.localcontext(MONEY_CONTEXT):
        yield
