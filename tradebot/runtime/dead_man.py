"""The dead man's switch: the exchange cancels our resting entries when it hears no more of us.

Law: it is armed only while nothing is held, and called off before a stop is placed: it cancels
stops too.
"""

from tradebot.engine.dead_man import is_dead_man_wanted
from tradebot.engine.state import State
from tradebot.ports import Broker, Clock


class DeadMan:
    """The switch of one account, where its exchange has one. `seconds` 0: it is never used."""

    def __init__(self, broker: Broker, clock: Clock, *, seconds: int) -> None:
        self._broker = broker
        self._clock = clock
        self._seconds = seconds
        self._armed_at = 0
        # A bot before us may have left it armed, and died.
        self._is_armed = bool(seconds)

    def update(self, state: State) -> None:
        """Arm it, refresh it at half its time, or call it off, as the books ask for."""
        if not is_dead_man_wanted(state):
            self.call_off()
        elif self._seconds and self._clock.now_ms() >= self._armed_at + self._seconds * 500:
            now = self._clock.now_ms()
            # Armed from now on, whatever the answer: one that is lost proves nothing.
            self._is_armed = True
            if self._broker.dead_man(self._seconds):
                self._armed_at = now

    def call_off(self) -> None:
        """Call it off where it may be armed; what fails is tried again at the next wake."""
        if self._is_armed and self._broker.dead_man(0):
            self._is_armed, self._armed_at = False, 0
