"""The two clocks of an exchange client, which only the test moves."""

from tests.support.builders import START

# 2024-01-01T00:00:20Z: forty seconds before the exchange's minute ends.
IN_MINUTE = START + 20_000


class Clocks:
    """The two clocks of a client: the one that never jumps, and the one that people read."""

    def __init__(self) -> None:
        self.steady = 7_000_000
        self.wall = IN_MINUTE

    def steady_ms(self) -> int:
        """Return the steady clock's time."""
        return self.steady

    def now_ms(self) -> int:
        """Return the wall's time."""
        return self.wall

    def pass_ms(self, milliseconds: int) -> None:
        """Let time pass by both clocks."""
        self.steady += milliseconds
        self.wall += milliseconds
