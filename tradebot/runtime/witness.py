"""What a bot has shown of itself, for the ladder to real money: books compared, and its clock.

Law: nothing waits for it: a disk that is full keeps no bot from trading, and the rung stays open.
"""

from tradebot.adapters.clock import WallClock
from tradebot.adapters.evidence import COMPARISONS
from tradebot.adapters.logs import get_logger
from tradebot.adapters.proofs import prove
from tradebot.errors import JournalError
from tradebot.runtime.assemble import Bot
from tradebot.runtime.config import Config
from tradebot.runtime.run_audit import audit_log
from tradebot.runtime.runs import Run

EVERY_MS = 6 * 3_600_000


def bear_witness(config: Config, run: Run, clock: WallClock) -> None:
    """Note that books and exchange were compared just now, and how far this machine's clock is off.

    `clock` follows the exchange's.
    """
    now = WallClock().now_ms()
    mode, exchange, account = run.spec_or_name().place
    place = {"mode": mode, "exchange": exchange, "account": account}
    try:
        prove(
            audit_log(config.paths.logs),
            COMPARISONS,
            {**place, "at": now, "ahead_ms": clock.now_ms() - now},
        )
    except JournalError as error:
        get_logger("run").warning("comparison.unproven", message=error.message)


class Witness:
    """Looks at a bot that runs, at each wake, and notes some of what it has compared."""

    def __init__(self, bot: Bot, config: Config, run: Run) -> None:
        self._bot, self._config, self._run = bot, config, run
        self._seen = 0
        self._due = 0

    def look(self) -> None:
        """Note a comparison that came to its end, if none was noted for long."""
        clock, reconciler = self._bot.clock, self._bot.reconciler
        if reconciler is None or not isinstance(clock, WallClock):
            return
        if reconciler.compared_at > self._seen and clock.monotonic_ms() >= self._due:
            self._seen = reconciler.compared_at
            self._due = clock.monotonic_ms() + EVERY_MS
            bear_witness(self._config, self._run, clock)
