"""What the gate says to one intent, in words that a table of a test can hold."""

from tests.support.builders import intent
from tradebot.engine.controls.refusal import ALL_WELL, Outside
from tradebot.engine.risk import review
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.money import plain
from tradebot.model.order import Approved, Intent, Refused

# Control, limit, value and message of a refusal; nothing where the gate let it pass.
Told = tuple[str, str, str, str] | tuple[()]
PASSES: Told = ()


def refusal(
    state: State, wanted: Intent | str, by: Rules, outside: Outside = ALL_WELL
) -> Refused | None:
    """Return the gate's refusal of an intent, or of `buy 1 BTC @ 100`; None = approved."""
    asked = intent(wanted) if isinstance(wanted, str) else wanted
    ruling = review(state, asked, by, outside)
    return None if isinstance(ruling, Approved) else ruling


def told(refused: Refused | None) -> Told:
    """Return what a refusal says."""
    if refused is None:
        return PASSES
    return refused.control, plain(refused.limit), plain(refused.value), refused.message


def asked(state: State, wanted: Intent | str, by: Rules, outside: Outside = ALL_WELL) -> Told:
    """Return what the gate says to an intent."""
    return told(refusal(state, wanted, by, outside))
