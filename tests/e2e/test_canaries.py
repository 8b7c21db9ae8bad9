"""Whole commands in processes of their own, as loud as they can be made: no credential comes out.

A module that Python loads at its start puts a handler for DEBUG on every logger's root, makes the
exchange library verbose, and, where asked, plants a bug that meets the open keys.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.canaries import (
    assert_none_in,
    assert_none_of_process,
    leaks_under,
    plant,
)
from tests.support.listeners import listener
from tests.support.servers import refusing_port, webhook
from tests.support.shell import PATIENCE_SECONDS, PROGRAM

# What each may hold of odd characters: headers and addresses take few.
CANARIES = {
    "odd key": "kc-API+/=key.0123456789",
    "odd secret": "s\"e\\c<r>e't+/=&-0123456789",
    "odd passphrase": "p\"a\\s<s>'&é 0123456789",
    "odd token": "1234567890:AAtokenAAtokenAAtokenAAtokenAAtoke",
    "odd SMTP password": "p\"w\\<w>'&+/= 0123456789",
}
KEY, SECRET, PASSPHRASE, TOKEN, PASSWORD = CANARIES.values()

LOUD = """
import logging, os
logging.basicConfig(level=logging.DEBUG)
import ccxt.async_support
ccxt.async_support.Exchange.verbose = True
if os.environ.get("PLANT") == "bug":
    import tradebot.adapters.permissions as permissions
    def ask(client):
        raw = client.raw
        try:
            raise KeyError(raw.secret, raw.apiKey)
        except KeyError as error:
            raise AssertionError(f"{raw.secret} {vars(raw)!r}") from error
    permissions.ask_permissions = ask
"""
CONFIG = """
[bot]
markets = ["BTC/USDT"]
timeframe = "1h"
[alerts]
channels = ["slack", "telegram", "email"]
[exchange.ccxt.urls.test]
public = "{url}"
private = "{url}"
v1 = "{url}"
sapi = "{url}"
"""


class Loud:
    """A project in which every command is as loud as it can be made."""

    def __init__(self, folder: Path, outside: Path) -> None:
        self.folder = folder
        (outside / "loud").mkdir()
        (outside / "loud" / "sitecustomize.py").write_text(LOUD)
        word = outside / "passphrase"
        word.touch(mode=0o600)
        word.write_text(PASSPHRASE)
        self._environ = {"PYTHONPATH": str(outside / "loud"), "PATH": os.environ["PATH"]}
        self.is_heard = False
        self._unlock = ("--passphrase-file", str(word))

    def types(self, *arguments: str, stdin: str = "", is_open: bool = True, plant: str = "") -> str:
        """Run one command; return what it printed, in which no credential may be."""
        line = [str(PROGRAM), *arguments, *(self._unlock if is_open else ())]
        environ = {**self._environ, "PLANT": plant, "XDG_STATE_HOME": str(self.folder / "state")}
        process = subprocess.Popen(  # noqa: S603  # our own program
            line, cwd=self.folder, env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert_none_of_process(process.pid)
        said = "".join(process.communicate(stdin, timeout=PATIENCE_SECONDS))
        assert_none_in(said, " ".join(arguments))
        self.is_heard |= "DEBUG:" in said
        return said


@pytest.mark.long
def test_no_command_lets_a_credential_out_however_loud_it_is(folder: Path, tmp_path: Path) -> None:
    for used_as, text in CANARIES.items():
        plant(used_as, text)
    loud = Loud(folder, tmp_path)
    echo = json.dumps({"code": -2015, "msg": f"Invalid key {KEY}, signature=0123456789abcdef"})
    mail = [
        "127.0.0.1",
        str(refusing_port()),
        "none",
        "bot",
        PASSWORD,
        "a@b.example",
        "c@d.example",
    ]
    with listener(status=400, answer=echo.encode()) as exchange, webhook(status=500) as hook:
        (folder / "config.toml").write_text(CONFIG.format(url=exchange.url))
        loud.types("keys", "add", "binance", "--testnet", "--stdin", stdin=f"{KEY}\n{SECRET}\n")
        unchecked = ("keys", "add", "binance", "--testnet", "--stdin", "--no-check")
        assert "Saved" in loud.types(*unchecked, stdin=f"{KEY}\n{SECRET}\n")
        for name, fields in (("slack", [hook.url]), ("telegram", [TOKEN, "1"]), ("email", mail)):
            lines = "\n".join(fields) + "\n"
            assert "Saved" in loud.types("keys", "add", name, "--stdin", stdin=lines)
        loud.types("keys", "list", is_open=False)
        loud.types("keys", "check", "binance", "--testnet")
        assert "FAILED" in loud.types("alerts", "test")
        asked = len(exchange.seen)
        assert "Error: " in loud.types("run", "--testnet")
        assert len(exchange.seen) > asked
        said = loud.types("run", "--testnet", plant="bug")
        assert "Traceback" in said
        assert "AssertionError: ***" in said
        assert "Error: " in loud.types("reconcile")
        assert "NOT CONFIRMED" in loud.types("kill")
        for words in (("status",), ("report",), ("journal", "audit"), ("config", "check")):
            loud.types(*words, is_open=False)
    assert loud.is_heard
    assert not leaks_under(folder)
    assert (folder / "logs" / "tradebot.jsonl").stat().st_size > 0
