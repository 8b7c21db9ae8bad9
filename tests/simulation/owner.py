"""The owner: he looks at what differs, has it adopted, and starts the bot again, once.

Law: he does it as `tradebot reconcile adopt` does, through the same code.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.simulation.life import Crash
from tests.simulation.record import Violation
from tradebot.runtime.assemble import Bot, Mode
from tradebot.runtime.by_hand import Asked, Word, _Desk

if TYPE_CHECKING:
    from tests.simulation.world import World

# A world in which a step is deadly may have it within his word: then he gives it again.
WORDS_MAX = 3


def adopt(world: "World") -> None:
    """Adopt whatever differs. Raises Violation where that leaves anything to differ."""
    for _ in range(WORDS_MAX):
        try:
            problems = _adopted(world)
        except Crash:
            world.life.is_dying = False
        else:
            if problems:
                raise Violation(f"I23: adopted, and still {problems}")
            return
    raise Violation("I23: the owner was not let speak")


def _adopted(world: "World") -> tuple[str, ...]:
    session = world.life.session()
    bot = Bot(
        Mode.TESTNET,
        session,
        world.clock,  # type: ignore[arg-type]  # stands where the machine's clock does
        world.options.timeframe_ms,
        reconciler=world.life.reconciler(session),
    )
    config: Any = SimpleNamespace(rules=lambda: world.ground.rules)
    asked = Asked(word=Word.ADOPT, reason="it was me")
    return _Desk(bot, config, asked, lambda: None).answer().problems
