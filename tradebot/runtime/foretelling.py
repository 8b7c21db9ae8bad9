"""What a command would do, by the journal alone.

Law: nothing here writes, asks the exchange, or disturbs the bot.
"""

from decimal import Decimal

from tradebot.engine.closing import Closing, entries_resting
from tradebot.engine.compare import symbol_of
from tradebot.engine.state import State
from tradebot.model.command import Command, CommandEnd, CommandWord
from tradebot.model.money import MONEY_CONTEXT, plain
from tradebot.model.order import Order
from tradebot.runtime.commanded import cancel_meant, close_meant
from tradebot.runtime.obeying import Answer, trading_answer

CENT = Decimal("0.01")


def foretold(state: State, command: Command, *, may_lift_halt: bool = False) -> Answer:
    """Return what a command would come to, were it done now."""
    match command.word:
        case CommandWord.PAUSE:
            told = trading_answer(command, state, may_lift_halt=may_lift_halt)
            return Answer(told.end, _joined([told.text, *_cancels(entries_resting(state))]))
        case CommandWord.RESUME:
            return trading_answer(command, state, may_lift_halt=may_lift_halt)
        case CommandWord.CLOSE:
            meant = close_meant(state, command)
            return meant if isinstance(meant, Answer) else _closing(state, meant)
        case CommandWord.CANCEL:
            orders = cancel_meant(state, command.scope)
            if isinstance(orders, Answer):
                return orders
            return Answer(CommandEnd.DONE, _joined(_cancels(orders)))
        case CommandWord.ADOPT:
            return _adopting(state, command.scope)


def _closing(state: State, meant: Closing) -> Answer:
    market, parts = state.markets[meant.market], _cancels(meant.orders)
    if meant.quantity:
        text = f"sell {plain(meant.quantity)} {market.base}"
        close = state.feed.closes.get(meant.market)
        if close is not None:
            worth = MONEY_CONTEXT.multiply(meant.quantity, close)
            worth = worth.quantize(CENT, context=MONEY_CONTEXT)
            text += f", about {plain(worth)} {market.quote} at the last close"
        parts.append(text)
    if meant.down_to:
        parts.append(f"keep {plain(meant.down_to)} {market.base}, and guard them")
    return Answer(CommandEnd.DONE, _joined(parts))


def _adopting(state: State, scope: str) -> Answer:
    found = [each.text for each in state.differences.found.values()]
    if not found:
        return Answer(CommandEnd.NOTHING, "nothing that was named waits for a word")
    what = f" of {scope}" if scope else ""
    return Answer(CommandEnd.DONE, _joined([f"adopt what is still so{what}", *found]))


def _cancels(orders: tuple[Order, ...]) -> list[str]:
    return [
        f"cancel the {each.leg.value} order {each.id} in {symbol_of(each.market)}"
        for each in orders
    ]


def _joined(parts: list[str]) -> str:
    return "; ".join(parts)
