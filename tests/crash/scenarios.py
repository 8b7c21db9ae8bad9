"""What a bot lives through in a crash test: candles, opinions and what the exchange does to it.

Law: a scenario reaches every step of the order path without a death, and ends in quiet candles long
enough to settle whatever a death left open.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.crash.strategy import FLAT, HOLD, LONG

MINUTE = 60_000
START_MS = 1_704_067_200_000
MARKET = "BTC/USDT"
FILE = "BTC-USDT-1m.csv"
QUIET = 8
OPINIONS = {"long": LONG, "flat": FLAT, "hold": HOLD}
# A death may cost the bot this many candles, drawn by the seed.
ASLEEP_MS = (0, 0, 7_000, MINUTE, 2 * MINUTE + 5_000)

CONFIG = """
[strategy]
name = "{strategy}:Told"
[sizing]
method = "fraction"
fraction = 0.1
[risk]
position_fraction_max = 0.5
[exits]
stop_fraction = 0.02
target_fraction = {target}
trailing_fraction = {trailing}
{more}
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One market's candles, the exits that are set, and which requests meet which fate.

    `rows` are `opinion close` or `opinion close high low`. `fates` are by row: `what word`, said of
    every such request that is made as the row's candle closes. See `crash_exchange.WORDS`.
    """

    name: str
    rows: tuple[str, ...]
    fates: dict[int, tuple[str, ...]]
    target: str = "0"
    trailing: str = "0"
    more: str = ""

    def config(self) -> str:
        """Return the configuration file."""
        path = Path(__file__).with_name("strategy.py")
        values = {"target": self.target, "trailing": self.trailing, "more": self.more}
        return CONFIG.format(strategy=path, **values)

    def candles(self, seed: int) -> str:
        """Return the candle file; seeds above 0 move every price a little."""
        draw = Random(f"candles {seed}")  # noqa: S311  # a seeded test, no secret
        lines, opened = ["opened_at,open,high,low,close,volume"], 20_000_00
        for number, row in enumerate((*self.rows, *["hold ="] * QUIET)):
            word, *prices = row.split()
            cents = [opened if each == "=" else int(each) * 100 for each in prices]
            if seed:
                cents = [each + draw.randrange(-300, 301) for each in cents]
            close = cents[0]
            high, low = max(opened, *cents), min(opened, *cents)
            at = START_MS + number * MINUTE
            values = ",".join(f"{each / 100:.2f}" for each in (opened, high, low, close))
            lines.append(f"{at},{values},{OPINIONS[word]}")
            opened = close
        return "\n".join(lines) + "\n"

    def closes_at(self, row: int) -> int:
        """Return when the candle of a row closes, in UTC ms."""
        return START_MS + (row + 1) * MINUTE


BOTH = Scenario(
    "stop and target",
    target="0.04",
    rows=(
        "hold 20000",
        "long 20000",  # 1: entry, stop and target
        "hold 20100",
        "hold 20500 20900 20100",  # 3: the target fills
        "flat 20500",
        "long 20500",  # 5: the entry's answer is lost
        "hold 20500",
        "flat 20500",  # 7: an exit by signal, after a cancel
        "long 20500",  # 8: stop and target are refused, and the position is sold
        "flat 20500",
        "long 20500",  # 10: the entry is refused
        "flat 20500",
        "long 20500",  # 12
        "hold 20400 20500 19800",  # 13: the stop fills
        "flat 20400",
        "long 20400",  # 15: the entry never arrives
        "hold 20400",
        "hold 20400",
        "flat 20400",
        "long 20400",  # 19: the answer to stop and target is lost
        "hold 20400",
        "flat 20400",  # 21: the answer to the cancel is lost
        "flat 20400",
        "hold 20400",
        "long 20400",  # 24: protected to the end
    ),
    fates={
        5: ("entry unanswered",),
        8: ("oco refused",),
        10: ("entry refused",),
        15: ("entry undelivered",),
        19: ("oco unanswered",),
        21: ("cancel unanswered",),
    },
)

ALONE = Scenario(
    "stop alone",
    trailing="0.01",
    rows=(
        "hold 20000",
        "long 20000",  # 1: entry, and a stop alone
        "hold 20300",
        "hold 20300",  # 3: the stop rises
        "hold 20600",
        "hold 20600",  # 5: the answer to the replacement is lost
        "hold 20600",
        "hold 21000",
        "hold 21000",  # 8: the stop rises again
        "flat 21000",  # 9: an exit by signal
        "long 21000",  # 10: the stop is refused, and the position is sold
        "flat 21000",
        "long 21000",  # 12
        "hold 20700 21000 20600",  # 13: the stop fills
        "flat 20700",
        "long 20700",  # 15: the answer to the stop is lost
        "hold 20700",
        "flat 20700",
        "long 20700",  # 18: the stop never arrives
        "hold 20700",
        "hold 20700",
        "hold 20700",
        "flat 20700",
        "long 20700",  # 23: protected to the end
    ),
    fates={
        4: ("replace unanswered", "cancel unanswered"),
        10: ("stop refused",),
        15: ("stop unanswered",),
        18: ("stop undelivered",),
    },
)

LIMIT = Scenario(
    "limit entries",
    target="0.04",
    more='[entries]\nkind = "limit"\noffset_fraction = 0.001\ntimeout_candles = 1\nreprice_max = 2',
    rows=(
        "hold 20000",
        "long 20000",  # 1: an entry rests under the market
        "hold 20000 20050 19900",  # 2: it fills
        "hold 20100",
        "flat 20100",  # 4: an exit by signal
        "long 20100",  # 5: an entry rests, and is not reached
        "long 20200",  # 6: it is placed anew, higher
        "flat 20300",  # 7: the signal has gone, and so does the entry
        "flat 20300",
        "long 20300",  # 9: the entry's answer is lost
        "hold 20300 20350 20200",  # 10: it fills
        "flat 20300",
        "long 20300",  # 12
        "long 20400",  # 13: the answer to its cancel is lost
        "flat 20500",
        "flat 20500",
        "long 20500",
        "hold 20500 20550 20400",  # 17: protected to the end
    ),
    fates={9: ("entry unanswered",), 13: ("cancel unanswered",)},
)

# A few orders and no faults, for what is tried at every system call.
SHORT = Scenario(
    "short",
    target="0.04",
    rows=("hold 20000", "long 20000", "hold 20100", "flat 20100", "long 20100"),
    fates={},
)
SCENARIOS = {each.name: each for each in (BOTH, ALONE, LIMIT, SHORT)}
FULL = (BOTH, ALONE, LIMIT)
