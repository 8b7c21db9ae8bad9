"""The stage of capital: how much a live bot may put to work, earned week by week.

Law: it begins at `FIRST_CASH`, at most doubles after a week that traded, did not lose and tripped
nothing, and steps down with every limit that trips. Who may not use it is told by the rules.
"""

from decimal import Decimal
from typing import NamedTuple

from tradebot.engine.track import in_proportion
from tradebot.model.money import MONEY_CONTEXT, ZERO
from tradebot.model.timeframe import DAY_MS

FIRST_CASH = Decimal(100)
WEEK_MS = 7 * DAY_MS


class Stage(NamedTuple):
    """How much may be held and out, in the quote coin, and the week that earns the next step.

    The week began at `week_begins` (UTC ms) with equity `opening`; `trades` have ended in it, and
    `is_clean` says that no limit tripped.
    """

    cash: Decimal = FIRST_CASH
    week_begins: int = 0
    opening: Decimal = ZERO
    trades: int = 0
    is_clean: bool = True


def begun(equity: Decimal, at: int) -> Stage:
    """Return the stage of a session that begins with this much."""
    return Stage(week_begins=at, opening=equity)


def closed(stage: Stage, equity: Decimal, closed_at: int) -> Stage:
    """Return the stage after candles that closed at `closed_at`; a week may have ended by it."""
    weeks = (closed_at - stage.week_begins) // WEEK_MS
    if weeks < 1:
        return stage
    is_earned = stage.is_clean and stage.trades > 0 and equity >= stage.opening
    cash = MONEY_CONTEXT.multiply(stage.cash, Decimal(2)) if is_earned else stage.cash
    # Weeks in which nothing was decided earn nothing: only one step, however many went by.
    return Stage(cash, stage.week_begins + weeks * WEEK_MS, equity)


def traded(stage: Stage) -> Stage:
    """Return the stage after a trade has ended."""
    return stage._replace(trades=stage.trades + 1)


def tripped(stage: Stage) -> Stage:
    """Return the stage after a limit has tripped: half of it, and this week earns nothing."""
    half = MONEY_CONTEXT.divide(stage.cash, Decimal(2))
    return stage._replace(cash=max(FIRST_CASH, half), is_clean=False)


def moved(stage: Stage, before: Decimal, after: Decimal) -> Stage:
    """Return the stage after a person moved money: it is no result of the week."""
    if before <= 0 or after <= 0:
        return stage._replace(opening=after)
    return stage._replace(opening=in_proportion(stage.opening, before, after))
