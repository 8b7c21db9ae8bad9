"""A process that holds secrets: no core dump, no look at its memory, and what is missing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
# PR_GET_DUMPABLE; in a process of its own, as nothing makes one dumpable again but its next start.
PROGRAM = """
import ctypes, resource
from tradebot.adapters import hardening
shown = lambda: (ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))
print(shown()[0])
print(hardening.harden(), *shown())
"""
REFUSING = """
import resource
from tradebot.adapters import hardening
hardening._PR_SET_DUMPABLE = 4711
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.RLIMIT_CORE = 4711
print(*hardening.harden(), sep="|")
"""
# A command that fails for want of a terminal, after it has shielded itself.
COMMAND = """
import ctypes, sys
from tradebot.cli.main import main
try:
    main()
except SystemExit as ended:
    print(ended.code, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def said(text: str, *arguments: str, folder: Path = ROOT) -> list[str]:
    done = subprocess.run(  # noqa: S603  # a text of our own
        [sys.executable, "-c", text, *arguments],
        capture_output=True, text=True, check=True, cwd=folder, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.stdout.splitlines()


def test_a_process_becomes_undumpable_and_leaves_no_core() -> None:
    assert said(PROGRAM) == ["1", "[] 0 (0, 0)"]


def test_what_the_system_does_not_grant_is_said() -> None:
    (missing,) = said(REFUSING)
    assert missing == (
        "a crash may write its memory to disk|other processes of this user can read its memory"
    )


def test_a_command_is_shielded_before_it_asks_for_a_secret(tmp_path: Path) -> None:
    assert said(COMMAND, "keys", "add", "binance", "--testnet", folder=tmp_path) == ["2 0"]
