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


def _clustered(config: Config, largest: Decimal) -> Decimal:
    """Return the most that all markets may hold where each holds `largest`, by their clusters."""
    left, total = set(config.bot.markets), ZERO
    for cluster in config.risk.clusters:
        # A market of two clusters is counted in the first: it holds no more for the second.
        markets = left & set(cluster)
        total += min(config.risk.cluster_fraction_max, largest * len(markets))
        left -= markets
    return total + largest * len(left)


def worst_case(config: Config, equity: Decimal) -> list[Loss]:
    """Return what may be lost of `equity` in one trade, at once, on a day, and before a person."""
    risk, exits, costs = config.risk, config.exits, config.costs
    stops = [each for each in (exits.stop_fraction, exits.trailing_fraction) if each]
    distance = min(stops, default=Decimal(1))
    # Bought and sold, each with its fee, and sold at a worse price than the stop.
    friction = 2 * costs.taker_fee_fraction + 2 * costs.slippage_fraction
    largest = min(
        risk.position_fraction_max,
        risk.exposure_fraction_max,
        MONEY_CONTEXT.divide(risk.risk_fraction_max, distance),
        # An entry is one order, and a market has one at a time.
        MONEY_CONTEXT.divide(risk.order_notional_max, equity),
    )
    positions = min(risk.open_positions_max, len(config.bot.markets))
    most = min(risk.exposure_fraction_max, largest * positions, _clustered(config, largest))
    stopped = "at its stop" if stops else "without a stop: all of it"
    then = "then every position at its stop" if stops else "then all that is held"
    of_all = most * min(Decimal(1), distance + friction)
    amounts = (
        ("trade", largest * min(Decimal(1), distance + friction), f"one trade {stopped}"),
        ("positions", of_all, f"all positions at once, each {stopped}"),
        (
            "day",
            risk.daily_loss_fraction_max + of_all,
            f"a day: the limit on its loss, {then}",
        ),
        (
            "drawdown",
            risk.drawdown_fraction_max + of_all,
            f"until a person must resume: the limit on the drawdown, {then}",
        ),
        ("gap", most, "prices fall to nothing before any stop is filled"),
    )
    return [
        Loss(
            name,
            min(equity, MONEY_CONTEXT.multiply(equity, part)).quantize(
                Decimal("0.01"), context=MONEY_CONTEXT
            ),
            text,
        )
        for name, part, text in amounts
    ]
