"""Bots at an exchange that outlives them: start one, see how it ends, start the next."""

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tradebot
from tests.crash.child import RUN, Job
from tests.crash.scenarios import FILE, MARKET, Scenario
from tests.support.crash_exchange import Door, FatefulServer, Story, door
from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch
from tradebot.runtime.assemble import SANDBOX_KEY, SANDBOX_SECRET
from tradebot.runtime.prepare import Request, prepare
from tradebot.runtime.runs import Runs
from tradebot.runtime.world import simulated_world

ROOT = Path(tradebot.__file__).parents[1]
# Long enough for a slow machine: what hangs must end some time.
PATIENCE_SECONDS = 300


class Hung(AssertionError):
    """A bot that neither ends nor dies."""


class Cradle:
    """The process that bots are born of: it has the program loaded."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._heard = b""

    def begin(self, job: Job) -> int:
        """Let a bot be born; return the number of its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._answer()["pid"])

    def end(self, number: int) -> int:
        """Wait for the end of the bot; return its exit code, negative for a signal."""
        try:
            return int(self._answer()["ended"])
        except Hung:
            os.kill(number, 9)
            self._answer()
            raise

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        while b"\n" not in self._heard:
            ready, _, _ = select.select([handle], [], [], PATIENCE_SECONDS)
            if not ready:
                raise Hung(f"no word for {PATIENCE_SECONDS} s")
            more = os.read(handle, 4096)
            if not more:
                raise AssertionError(f"the cradle ended with {self._process.wait()}")
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return dict(json.loads(line))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> "Cradle":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Life:
    """How a bot's life ended: exit code, what it said, and the labels it reached."""

    code: int
    out: str
    err: str
    labels: tuple[str, ...]


class Place:
    """One scenario's folder and exchange."""

    def __init__(
        self, folder: Path, cradle: Cradle, server: FatefulServer, url: str, client: Door
    ) -> None:
        self.folder = folder
        self.server = server
        self.url = url
        self.client = client
        self._cradle = cradle
        self._lives = 0

    @property
    def journal(self) -> Path:
        """The bot's journal."""
        return self.folder / "logs" / "runs" / RUN / "journal.db"

    def job(
        self,
        *,
        death: tuple[str, int, int] | None = None,
        is_traced: bool = True,
        gate: str = "",
        is_careless: bool = False,
    ) -> Job:
        """Return the next life, to be lived by `begin`."""
        self._lives += 1
        stem = self.folder / f"life-{self._lives}"
        return Job(
            folder=str(self.folder),
            url=self.url,
            out=f"{stem}.out",
            err=f"{stem}.err",
            death=death,
            trace=f"{stem}.labels" if is_traced else "",
            gate=gate,
            is_careless=is_careless,
        )

    def live(self, *, death: tuple[str, int, int] | None = None) -> Life:
        """Let a bot live to its end, or to its death at a label, hit and signal."""
        job = self.job(death=death)
        return self.ended(job, self.begin(job))

    def begin(self, job: Job) -> int:
        """Let a bot be born; return the number of its process."""
        return self._cradle.begin(job)

    def ended(self, job: Job, number: int) -> Life:
        """Wait for the end of a life."""
        code = self._cradle.end(number)
        labels: tuple[str, ...] = ()
        if job.trace and Path(job.trace).exists():
            labels = tuple(Path(job.trace).read_text(encoding="utf-8").splitlines())
        out, err = (Path(each).read_text(encoding="utf-8") for each in (job.out, job.err))
        return Life(code, out, err, labels)

    def sleep(self, milliseconds: int) -> None:
        """Let the exchange's time pass while no bot lives."""
        if milliseconds:
            self.client.advance(self.server.now_ms() + milliseconds)

    def story(self) -> Story:
        """Return what the exchange tells."""
        story = self.client.story({f"binance:{MARKET}": MARKET.replace("/", "")})
        story.posts = dict(self.server.posts)
        return story


@contextmanager
def place(folder: Path, cradle: Cradle, scenario: Scenario, seed: int = 0) -> Iterator[Place]:
    """Yield a folder and an exchange for a scenario, both removed afterwards."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(scenario.config(), encoding="utf-8")
    (folder / FILE).write_text(scenario.candles(seed), encoding="utf-8")
    prepared = prepare(Request(config=folder / "config.toml", candles=(folder / FILE,)), "sandbox")
    world = simulated_world(prepared.config, prepared.tables, prepared.spec)
    logs = folder / "logs"
    assert Runs(logs).create(prepared.spec).name == RUN
    FileLatch(logs / "latch", WallClock()).arm("test")
    server = FatefulServer(world.book, api_key=SANDBOX_KEY, secret=SANDBOX_SECRET)
    server.fates = {scenario.closes_at(row): words for row, words in scenario.fates.items()}
    url = server.start()
    try:
        with door(url, key=SANDBOX_KEY, secret=SANDBOX_SECRET) as client:
            yield Place(folder, cradle, server, url, client)
    finally:
        server.stop()
        shutil.rmtree(folder)
