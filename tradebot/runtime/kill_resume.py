"""Whether the emergency stop may be lifted: books and exchange of what it has stopped must agree.

Law: nothing is written here; what cannot be compared is not taken for agreement.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tradebot.adapters.journal import entries
from tradebot.errors import AccountLocked, JournalError, NotConfirmed, NotFoundError, TradebotError
from tradebot.runtime.by_hand import Answered, Asked, compare_by_hand
from tradebot.runtime.config import Config
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.kill import opened_once, targets
from tradebot.runtime.prepare import Request
from tradebot.runtime.runs import Run, Runs


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Runs whose books and exchange agree, and why others could not be compared, by their name."""

    agreed: tuple[str, ...] = ()
    uncompared: tuple[str, ...] = ()


def check_reconciled(
    config: Config,
    request: Request,
    unlocking: Unlocking,
    *,
    may_be_unreconciled: bool,
    on_wait: Callable[[], None],
) -> Reconciled:
    """Compare each run that the emergency stop would clear with its exchange, as it is now.

    Raises NotConfirmed where they disagree, AccountLocked where a bot is still at work, and what
    asking raises where it cannot be asked, unless it `may_be_unreconciled`.
    """
    opened = opened_once(unlocking)
    agreed: list[str] = []
    uncompared: list[str] = []
    for run in targets(Runs(config.paths.logs), None, uncompared):
        try:
            if not _has_begun(run):
                continue
            answer = compare_by_hand(config, request, run, opened, Asked(), on_wait=on_wait)
        except AccountLocked:
            raise
        except TradebotError as error:
            if not may_be_unreconciled:
                raise
            uncompared.append(f"{run.name}: {error.message}")
            continue
        _check_agreed(run, answer)
        agreed.append(run.name)
    return Reconciled(tuple(agreed), tuple(uncompared))


def _has_begun(run: Run) -> bool:
    """Return whether a run has traded or could have: one that never began has nothing to compare.

    Where its journal is gone, comparing says so.
    """
    try:
        return next(entries(run.journal), None) is not None
    except NotFoundError:
        return run.candles.exists()
    except JournalError:
        return True


def _check_agreed(run: Run, answer: Answered) -> None:
    """Raise NotConfirmed where something differs or is in doubt; a market's lock keeps nobody."""
    seen = answer.compared
    if seen.differences:
        told = "; ".join(each.text for each in seen.differences)
        raise NotConfirmed(
            f"{run.name}: journal and exchange disagree: {told}",
            hint="`tradebot reconcile` shows it and takes your word; then resume again",
        )
    if not seen.is_conclusive:
        raise NotConfirmed(
            f"{run.name}: an order is in doubt, so journal and exchange cannot be compared",
            hint="`tradebot kill` asks about it once more; then resume again",
        )
