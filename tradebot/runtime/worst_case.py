"""What a configuration allows to be lost, in money: printed by `config check`, before it is lost.

Law: each figure is an upper bound under what it names; none is a forecast.
"""

from dataclasses import dataclass
from decimal import Decimal

from tradebot.model.money import MONEY_CONTEXT, ZERO
from tradebot.runtime.config import Config


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss that the configuration allows, in the quote coin."""

    name: str
    amount: Decimal
    text: str


def worst_case(config: Config, equity: Decimal) -> list[Loss]:
    """Return what may be lost of `equity` in one trade, at once, on a day, and before a person."""
    risk, exits, costs = config.risk, config.exits, config.costs
    stops = [each for each in (exits.stop_fraction, exits.trailing_fraction) if each]
    distance = min(stops, default=Decimal(1))
    # Bought and sold, each with its fee, and sold at a worse price than the stop.
    friction = 2 * costs.taker_fee_fraction + 2 * costs.slippage_fraction
    position = min(risk.position_fraction_max, risk.exposure_fraction_max)
    largest = min(position, MONEY_CONTEXT.divide(risk.risk_fraction_max, distance))
    positions = min(risk.open_positions_max, len(config.bot.markets))
    most = min(risk.exposure_fraction_max, largest * positions)
    stopped = "at its stop" if stops else "without a stop: all of it"
    of_all = most * min(Decimal(1), distance + friction)
    amounts = (
        ("trade", largest * min(Decimal(1), distance + friction), f"one trade {stopped}"),
        ("positions", of_all, f"all positions at once, each {stopped}"),
        (
            "day",
            risk.daily_loss_fraction_max + of_all,
            "a day: the limit on its loss, and then what is held at that moment",
        ),
        (
            "drawdown",
            risk.drawdown_fraction_max + of_all,
            "until a person must resume: the limit on the drawdown, and then what is held",
        ),
        ("gap", most, "prices fall to nothing before any stop is filled"),
    )
    return [
        Loss(name, max(ZERO, min(equity, equity * part)).quantize(Decimal("0.01")), text)
        for name, part, text in amounts
    ]
