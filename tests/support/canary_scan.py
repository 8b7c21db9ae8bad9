"""The canary scan: after each test, all that it printed, logged and left in its folder is searched.

Imported by `tests/conftest.py`, which makes it a plugin of every run. Loggers are as loud as they
go meanwhile, since what DEBUG would say of a request is what must not be said.
"""

import logging
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.canaries import leaks, leaks_under

# A test that prints a canary on purpose, to see it found.
MARK = "plants_canaries"
_scanned = pytest.StashKey[set[Path]]()
_of_workers = pytest.StashKey[list[str]]()
# What tests wrote with their own hands, not by the program: a passphrase file, say.
_inputs: set[str] = set()
_TESTS = str(Path(__file__).parents[1]) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


def _note_input(event: str, arguments: tuple[object, ...]) -> None:
    """Hear of each file that is opened, and note it where a test opens it for writing."""
    if event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
        return
    mode, flags = arguments[1], arguments[2]
    is_written = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
    if not is_written and not (isinstance(mode, str) and set(mode) & set("wax+")):
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_LIBRARY, "<")):
        frame = frame.f_back
    name = frame.f_code.co_filename
    if name.startswith(_TESTS) or os.path.basename(name).startswith("test_"):
        _inputs.add(os.path.abspath(os.fsdecode(arguments[0])))


sys.addaudithook(_note_input)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", f"{MARK}: lets a credential out, to see it found")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose captured output, or whose folder at its end, shows a canary."""
    report = yield
    told = [f"{name}: {each}" for name, text in report.sections for each in leaks(text)]
    if call.when == "teardown":
        told += _of_folder(item)
    if told and not report.failed and item.get_closest_marker(MARK) is None:
        report.outcome = "failed"
        report.longrepr = "credentials came out:\n" + "\n".join(told)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Let everything be said while a test runs, to pytest's own handlers at least."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(before)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Hear what a worker of pytest-xdist has found at its end."""
    found = node.config.stash.setdefault(_of_workers, [])
    found += getattr(node, "workeroutput", {}).get(MARK, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search what fixtures of whole modules have left, and folders that no test calls its own."""
    config = session.config
    is_worker = hasattr(config, "workerinput")
    if is_worker:
        config.workeroutput[MARK] = _left(config)
        return
    has_workers = config.getoption("dist", "no") != "no"
    told = config.stash.get(_of_workers, []) if has_workers else _left(config)
    if told:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        terminal.write_line("credentials came out:\n" + "\n".join(told), red=True)


def _left(config: pytest.Config) -> list[str]:
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is None or factory._basetemp is None:
        return []
    known = config.stash.get(_scanned, set())
    return [
        each
        for folder in sorted(factory.getbasetemp().iterdir())
        if folder not in known and folder.is_dir() and not folder.is_symlink()
        for each in leaks_under(folder, _inputs)
    ]


def _of_folder(item: pytest.Item) -> list[str]:
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if not isinstance(folder, Path):
        return []
    item.config.stash.setdefault(_scanned, set()).add(folder)
    return leaks_under(folder, _inputs)
