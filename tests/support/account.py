"""An account of an exchange in real time, and folders from which bots trade it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.canaries import plant
from tests.support.shell import Started, started, typed

# Nervous enough to trade within seconds on one-second candles.
CONFIG = """
[bot]
markets = ["BTC/USDT"]
timeframe = "1s"
[strategy]
name = "donchian"
[strategy.params]
entry = 2
exit = {exit}
[reconcile]
every_seconds = 10
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
sapi = "{url}/sapi/v1"
"""
# A far stop, so that it stays in.
STAYING = """
[exits]
stop_fraction = 0.1
target_fraction = 0
"""


@dataclass(frozen=True)
class Account:
    """A served exchange, and the way to open a keystore."""

    url: str
    key: str
    unlock: tuple[str, ...]

    def status(self) -> Any:
        """Return what the exchange itself counts."""
        return requests.get(f"{self.url}/sandbox/status", timeout=10).json()

    def project(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, leaves: int, more: str = STAYING
    ) -> Path:
        """Make a folder from which the account is traded; positions are left after so long.

        `more` are further sections of its configuration.
        """
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(CONFIG.format(url=self.url, exit=leaves) + more)
        monkeypatch.chdir(folder)
        typed("keys", "add", "binance", "--testnet", "--stdin", *self.unlock, stdin=self.key)
        return folder

    @contextmanager
    def bot(self, folder: Path, *, is_elsewhere: bool = False) -> Iterator[Started]:
        """Start a bot in a folder; `is_elsewhere` on a host that shares no locks with ours."""
        environ = {"XDG_STATE_HOME": str(folder / "elsewhere")} if is_elsewhere else {}
        with started(folder, "run", "--testnet", *self.unlock, **environ) as program:
            yield program


@contextmanager
def account(
    folder: Path, secrets: Path, faults: str = "", *, more: Sequence[str] = ()
) -> Iterator[Account]:
    """Serve an exchange in real time; `faults` are what goes wrong there, `more` other options."""
    passphrase = secrets / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    serving = ["sandbox", "serve", "--speed", "real", "--timeframe", "1s", "--json", *more]
    if faults:
        (secrets / "faults.toml").write_text(faults)
        serving += ["--faults", str(secrets / "faults.toml")]
    with started(folder, *serving) as server:
        assert server.process.stdout is not None
        door = json.loads(server.process.stdout.readline())
        plant("key of the sandbox", door["api_key"])
        plant("secret of the sandbox", door["secret"])
        key = f"{door['api_key']}\n{door['secret']}\n"
        yield Account(door["url"], key, ("--passphrase-file", str(passphrase)))
