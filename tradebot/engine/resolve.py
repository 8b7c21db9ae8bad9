"""When an order that nobody knows may be called absent: evidence, never a guess.

Law: ABSENT needs the exchange's clock past the order's window plus a margin, and two endpoints that
do not know it, twice, apart. Until then it counts as filled and blocks its market.
"""

from tradebot.model.order import Order

# The exchange's own queues: a request may wait behind its window's check.
MARGIN_MS = 30_000
# Two looks at once would see the same stale replica.
APART_MS = 10_000


def may_be_absent(order: Order, *, now_ms: int) -> bool:
    """Return whether the order can no longer arrive: before that, not knowing it proves nothing."""
    return now_ms > order.sent_at + order.window_ms + MARGIN_MS


def is_absent(*, first_missed_ms: int, now_ms: int) -> bool:
    """Return whether the second look, on both endpoints, came long enough after the first."""
    return now_ms - first_missed_ms >= APART_MS


def evidence(order: Order, *, first_missed_ms: int, now_ms: int) -> str:
    """Return in words what proves the absence."""
    seconds = (now_ms - order.sent_at) // 1000
    apart = (now_ms - first_missed_ms) // 1000
    return f"{seconds} s after it was sent, two endpoints twice knew no such order, {apart} s apart"
