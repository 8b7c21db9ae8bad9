"""How a person's commands change the state.

Law: that of `apply`: history, which never refuses and reads no clock.
"""

from tradebot.engine.state import State
from tradebot.model.command import CommandEnded, CommandTaken, SignalSpent


def command_taken(state: State, event: CommandTaken) -> State:
    """Return the state after a command was taken."""
    return state._replace(commands=state.commands.with_taken(event))


def command_ended(state: State, event: CommandEnded) -> State:
    """Return the state after a command has ended."""
    return state._replace(commands=state.commands.with_ended(event))


def signal_spent(state: State, event: SignalSpent) -> State:
    """Return the state in which the present signal of a market buys nothing any more."""
    feed = state.feed
    if (feed.exposures.get(event.market) or 0) <= 0:
        return state  # There is no signal: the next long one is new.
    return state._replace(feed=feed._replace(spent=feed.spent | {event.market}))
