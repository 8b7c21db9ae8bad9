"""The risk gate's one-use tokens: what the broker demands before it posts an order.

Law: a token is bound to the exact order that the gate approved, is spent by one post, and is
worthless two seconds after it was issued. Who holds none sends nothing.
"""

from tradebot.model.order import Approved

AGE_MS_MAX = 2_000


class GateTokens:
    """The tokens that are out. The Session issues them, the broker takes them."""

    def __init__(self) -> None:
        self._out: dict[str, tuple[Approved, int]] = {}
        self.issued = 0
        self.taken = 0

    def issue(self, approved: Approved, *, now_ms: int) -> None:
        """Issue the token of an order that the gate has just approved."""
        # Here and not by a timer: a token that was never taken must not stay for ever.
        stale = [key for key, (_, at) in self._out.items() if now_ms - at > AGE_MS_MAX]
        for key in stale:
            del self._out[key]
        self._out[approved.order_id] = (approved, now_ms)
        self.issued += 1

    def recall(self, approved: Approved) -> None:
        """Take back the token of an order that will not be sent."""
        self._out.pop(approved.order_id, None)

    def take(self, approved: Approved, *, now_ms: int) -> str:
        """Spend the token of an order about to leave; return why it may not, "" = it may."""
        token = self._out.pop(approved.order_id, None)
        if token is None:
            return "it holds no token of the risk gate"
        bound, issued_at = token
        if bound != approved:
            return "it is not the order that the risk gate approved"
        age_ms = now_ms - issued_at
        if not 0 <= age_ms <= AGE_MS_MAX:
            return f"the risk gate's token is {age_ms} ms old, {AGE_MS_MAX} are allowed"
        self.taken += 1
        return ""
