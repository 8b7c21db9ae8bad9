"""How bad a fault by chance is: from a slip of a moment to the worst that exchanges have done.

Law: a draw depends on the seed, the fault and its number alone.
"""

from __future__ import annotations

from tradebot.sandbox.auth import RECV_WINDOW
from tradebot.sandbox.faults_plan import ERRORS, FILTERS, Chance, Details

DELAY_MS = (100, 30_000)
LAG_MS = (500, 25_000)
RETRY_AFTER_MS = (1_000, 60_000)
BAN_MS = (120_000, 3_600_000)


def drawn_details(chance: Chance, fault: str, number: int) -> Details:
    """Return how the `number`-th draw of a request's fault happens."""
    what_for = (fault, "how", number)
    if fault in ("error_before", "error_after"):
        return Details(answer=chance.one_of(ERRORS, *what_for))
    if fault == "filter":
        return Details(filter=chance.one_of(FILTERS, *what_for))
    if fault in ("garbage", "empty"):
        return Details(is_executed=chance.below(2, *what_for) == 1)
    if fault == "late":
        return Details(late_ms=chance.between(1, RECV_WINDOW, *what_for))
    if fault == "delay":
        return Details(delay_ms=chance.between(*DELAY_MS, *what_for))
    if fault == "lag":
        return Details(lag_ms=chance.between(*LAG_MS, *what_for))
    if fault == "limit":
        return Details(retry_after_ms=chance.between(*RETRY_AFTER_MS, *what_for))
    if fault == "ban":
        return Details(ban_ms=chance.between(*BAN_MS, *what_for))
    return Details()
