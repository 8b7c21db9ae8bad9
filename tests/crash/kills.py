"""`kill -9` of a real `tradebot run` at random moments, again and again, at an exchange that lives.

Law: nobody helps between two lives: what a killed bot left behind, the next one settles.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.crash.checker import IN_DOUBT, faults, read
from tests.crash.lives import ROOT
from tests.support.crash_exchange import Door, door

PROGRAM = Path(sys.executable).with_name("tradebot")
MARKETS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
RUN = Path("logs/runs/testnet-binance-main")
SAID = "said"
LOOK_SECONDS = 0.001
START_SECONDS_MAX, LIFE_SECONDS_MAX, SETTLED_SECONDS_MAX = 4.0, 30.0, 180.0
STOPS_MAX = 6
# Written before an order or a cancel leaves: the next line is its answer.
LEAVING = ("order_intended", "order_sent", "cancel_sent")

CONFIG = """
[bot]
markets = {markets}
timeframe = "1s"
[strategy]
name = "donchian"
[strategy.params]
entry = 2
exit = 2
[exits]
stop_fraction = 0.001
target_fraction = 0.002
[exchange.ccxt]
rateLimit = 1
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
"""


@dataclass(slots=True)
class Tally:
    """What came of a loop: kills, where they hit, what the exchange had, what does not fit."""

    kills: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    trades: int = 0
    posts: int = 0
    faults: list[str] = field(default_factory=list)


class Loop:
    """A folder with a bot's configuration and keys, at an exchange that is served there."""

    def __init__(self, folder: Path, client: Door, seed: int) -> None:
        self._folder = folder
        self._client = client
        self._draw = Random(f"kills {seed}")  # noqa: S311  # a seeded test, no secret
        self._journal = folder / RUN / "journal.db"
        self._seen, self._last_kind = 0, ""
        self.tally = Tally()

    def kill(self) -> None:
        """Let a bot live until a random moment and kill it there."""
        with self._bot() as bot:
            self._wait(bot)
            if bot.poll() is not None:
                self.tally.faults.append(f"a bot ended by itself: {self._said()}")
                return
        self.tally.kills += 1
        self.tally.hits[self._moment()] += 1

    def settle(self) -> None:
        """Let a last bot live until it has settled all, stop it in good order, and compare."""
        found: list[str] = []
        for _ in range(STOPS_MAX):
            with self._bot() as bot:
                deadline = time.monotonic() + SETTLED_SECONDS_MAX
                # A signal before it has said anything would end an interpreter, not a bot.
                while time.monotonic() < deadline and bot.poll() is None:
                    if self._said() and not self._differences():
                        break
                    time.sleep(1)
                bot.send_signal(signal.SIGINT)
                code = bot.wait(SETTLED_SECONDS_MAX)
            # A stop that fills while the bot ends is settled by the next one.
            found = self._differences()
            if code != 128 + signal.SIGINT:
                found.append(f"the last bot ended with {code}: {self._said()}")
            if not found:
                break
        self.tally.faults += found
        story = self._client.story(_symbols())
        self.tally.orders, self.tally.trades = len(story.orders), len(story.trades)
        self.tally.posts = max(story.posts.values(), default=0)

    @contextmanager
    def _bot(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Yield a bot, and kill it where it has not ended."""
        with (self._folder / SAID).open("wb") as said:
            bot = subprocess.Popen(  # noqa: S603  # our own program
                [PROGRAM, "run", "--testnet", "--passphrase-file", "../passphrase"],
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            try:
                yield bot
            finally:
                bot.kill()
                bot.wait()

    def _said(self) -> str:
        return (self._folder / SAID).read_text(encoding="utf-8", errors="replace")

    def _wait(self, bot: "subprocess.Popen[bytes]") -> None:
        """Return at a random moment of a bot's life, or at its end."""
        how, began = self._draw.random(), time.monotonic()
        if how < 0.25:
            self._pass(bot, self._draw.uniform(0, START_SECONDS_MAX))
            return
        wanted = LEAVING if how < 0.75 else ()
        skipped = self._draw.randrange(4)
        while bot.poll() is None and time.monotonic() - began < LIFE_SECONDS_MAX:
            kinds = self._news()
            skipped -= sum(not wanted or kind in wanted for kind in kinds)
            if skipped < 0:
                break
            time.sleep(LOOK_SECONDS)
        self._pass(bot, self._draw.uniform(0, 0.012))

    def _pass(self, bot: "subprocess.Popen[bytes]", seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            bot.wait(seconds)

    def _news(self) -> list[str]:
        """Return the kinds of the events that are new since the last look."""
        if not self._journal.exists():
            return []
        uri = f"{self._journal.resolve().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as db:
                query = "SELECT seq, kind FROM events WHERE seq > ? ORDER BY seq"
                rows = db.execute(query, (self._seen,)).fetchall()
        except sqlite3.OperationalError:
            return []  # It is being made.
        if rows:
            self._seen, self._last_kind = rows[-1]
        return [kind for _, kind in rows]

    def _moment(self) -> str:
        """Return where in an order's life the kill hit, by what the journal does not know."""
        self._news()
        if not self._seen:
            return "before the journal"
        statuses = {order.status for order in read(self._journal).orders.values()}
        if "sent" in statuses:
            return "between intent and answer"
        if "intended" in statuses:
            return "between intent and sending"
        if self._last_kind == "cancel_sent":
            return "between cancel and answer"
        return "an earlier order was unknown" if "unknown" in statuses else "nothing was out"

    def _differences(self) -> list[str]:
        if not self._journal.exists():
            return ["there is no journal yet"]
        story = self._client.story(_symbols())
        doubt = [each for each in read(self._journal).orders.values() if each.status in IN_DOUBT]
        return [f"{len(doubt)} orders are in doubt"] if doubt else faults(self._journal, story)


def _symbols() -> dict[str, str]:
    return {f"binance:{name}": name.replace("/", "") for name in MARKETS}


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}


@contextmanager
def loop(folder: Path, seed: int) -> Iterator[Loop]:
    """Yield a loop at an exchange of its own, in an empty folder."""
    project = folder / "project"
    project.mkdir(parents=True)
    markets = [word for name in MARKETS for word in ("--symbol", name)]
    serving = ["sandbox", "serve", "--speed", "real", "--timeframe", "1s", "--json", *markets]
    with subprocess.Popen(  # noqa: S603  # our own program
        [PROGRAM, *serving], cwd=project, env=_environment(), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            _prepare(project, told)
            with door(told["url"], key=told["api_key"], secret=told["secret"]) as client:
                yield Loop(project, client, seed)
        finally:
            server.terminate()


def _prepare(project: Path, told: dict[str, str]) -> None:
    """Write configuration and keys, as an owner does once."""
    text = CONFIG.format(url=told["url"], markets=json.dumps(MARKETS))
    (project / "config.toml").write_text(text, encoding="utf-8")
    passphrase = project.parent / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery", encoding="utf-8")
    adding = ["keys", "add", "binance", "--testnet", "--stdin"]
    subprocess.run(  # noqa: S603  # our own program
        [PROGRAM, *adding, "--passphrase-file", "../passphrase"],
        cwd=project,
        env=_environment(),
        input=f"{told['api_key']}\n{told['secret']}\n".encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
