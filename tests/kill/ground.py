"""Where a kill is tried: an exchange, a door to it, a project with keys, a bot that trades there.

Law: programs are started as their owner starts them; what counts is what the exchange tells.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tradebot
from tests.kill.gate import Gate, gate
from tests.support.crash_exchange import Door, door
from tests.support.servers import silent_port

ROOT = Path(tradebot.__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("tradebot")
RUN = Path("logs/runs/testnet-binance-main")
MARKETS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.01

# Nervous entries and far exits: what is bought stays, with two orders out for each market.
CONFIG = """
[bot]
markets = {markets}
timeframe = "1s"
[strategy]
name = "donchian"
[strategy.params]
entry = 2
exit = 500
[exits]
stop_fraction = 0.1
target_fraction = 0.2
[alerts]
channels = {channels}
[exchange.ccxt]
rateLimit = 1
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
"""


class Ground:
    """What all runs of a worker share: a door, and a project folder that is copied for each."""

    def __init__(self, folder: Path, gate: Gate, silent: int) -> None:
        self.folder = folder
        self.gate = gate
        self.wrong = folder / "wrong"
        self._silent = silent
        self._runs = 0
        self._key = ""
        for name, text in (("passphrase", "correct horse battery"), ("wrong", "another one")):
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")

    @contextmanager
    def place(self, *, has_alerts: bool) -> Iterator["Place"]:
        """Yield a project of its own at an exchange of its own, through the open door."""
        self._runs += 1
        project = self.folder / f"project-{self._runs}"
        serving = ["sandbox", "serve", "--speed", "real", "--timeframe", "1s", "--json"]
        serving += [word for name in MARKETS for word in ("--symbol", name)]
        server = subprocess.Popen(  # noqa: S603  # our own program
            [PROGRAM, *serving],
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            self.gate.turn("pass")
            self.gate.target = told["url"]
            self._prepare(project, told, has_alerts=has_alerts)
            with door(told["url"], key=told["api_key"], secret=told["secret"]) as client:
                yield Place(project, client)
        finally:
            server.kill()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()
            shutil.rmtree(project, ignore_errors=True)

    def _prepare(self, project: Path, told: Mapping[str, str], *, has_alerts: bool) -> None:
        """Write the configuration, and the keys, which an owner adds once."""
        first = self.folder / "first"
        if not first.exists():
            first.mkdir()
            self._configure(first, has_alerts=False)
            # The same seed has the same key at each exchange.
            secret = f"http://127.0.0.1:{self._silent}/services/T0/B0/x\n"
            self._keys(first, ["binance", "--testnet"], f"{told['api_key']}\n{told['secret']}\n")
            self._keys(first, ["slack"], secret)
        shutil.copytree(first, project)
        self._configure(project, has_alerts=has_alerts)

    def _configure(self, project: Path, *, has_alerts: bool) -> None:
        channels = ["slack"] if has_alerts else []
        text = CONFIG.format(
            url=self.gate.url, markets=json.dumps(MARKETS), channels=json.dumps(channels)
        )
        (project / "config.toml").write_text(text, encoding="utf-8")

    def _keys(self, project: Path, words: list[str], typed: str) -> None:
        adding = ["keys", "add", *words, "--stdin", "--passphrase-file", "../passphrase"]
        subprocess.run(  # noqa: S603  # our own program
            [PROGRAM, *adding],
            cwd=project,
            env=environment(),
            input=typed.encode(),
            capture_output=True,
            check=True,
        )


class Place:
    """One project at one exchange."""

    def __init__(self, folder: Path, client: Door) -> None:
        self.folder = folder
        self.client = client

    @property
    def armed(self) -> Path:
        """The file without which no order leaves."""
        return self.folder / "logs" / "latch" / "ARMED"

    @property
    def journal(self) -> Path:
        """The bot's journal."""
        return self.folder / RUN / "journal.db"

    def open_orders(self) -> int:
        """Return how many orders the exchange has open."""
        return int(self.client.status()["open_orders"])

    @contextmanager
    def bot(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Yield a bot that has bought, and has stops and targets out; kill it if it is left."""
        with (self.folder / "said").open("wb") as said:
            bot = self.started("run", "--testnet", stdout=said, stderr=said)
            try:
                deadline = time.monotonic() + PATIENCE_SECONDS
                while self.open_orders() < 2:
                    words = (self.folder / "said").read_text(errors="replace")
                    assert bot.poll() is None, f"the bot has ended: {words}"
                    assert time.monotonic() < deadline, f"the bot buys nothing: {words}"
                    time.sleep(LOOK_SECONDS)
                yield bot
            finally:
                bot.kill()
                bot.wait()

    def started(
        self,
        *words: str,
        unlocked_by: str = "../passphrase",
        more: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
        **pipes: Any,
    ) -> "subprocess.Popen[bytes]":
        """Start our program in this project, `through` a command that runs it."""
        return subprocess.Popen(  # noqa: S603  # our own program
            [*through, PROGRAM, *words, "--passphrase-file", unlocked_by],
            cwd=self.folder,
            # Each exchange has the same key; no other run's bot is on this one.
            env=environment(XDG_STATE_HOME=str(self.folder / "state"), **(more or {})),
            stdin=subprocess.DEVNULL,
            **pipes,
        )


def environment(**more: str) -> dict[str, str]:
    """Return the programs' environment; what `more` says of a path comes before ours."""
    path = os.pathsep.join([*filter(None, [more.pop("PYTHONPATH", "")]), str(ROOT)])
    return {**os.environ, "NO_COLOR": "1", "PYTHONPATH": path, **more}


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Yield where kills are tried, in an empty folder."""
    with gate() as made, silent_port() as silent:
        yield Ground(folder, made, silent)
