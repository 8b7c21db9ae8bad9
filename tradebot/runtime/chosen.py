"""The strategy that the configuration names, and how many candles it needs."""

from dataclasses import dataclass

from tradebot.engine.settings import Sizing
from tradebot.errors import ConfigError
from tradebot.runtime.config import Config
from tradebot.strategies.base import AnyParams, Strategy, parse_params, required_candles
from tradebot.strategies.registry import load

# What the exchange gives in one call, less the candle that has not closed.
WARMUP_MAX = 999


@dataclass(frozen=True, slots=True)
class Chosen:
    """The strategy of the configuration, with its parameters checked.

    `range_candles`: of how many candles entries are sized by the mean true range; 0 = they are not.
    """

    strategy: Strategy
    params: AnyParams
    range_candles: int = 0

    @property
    def warmup(self) -> int:
        """How many candles the first opinion needs."""
        return required_candles(self.strategy, self.params)

    @property
    def history(self) -> int:
        """How many candles are kept: for the opinion, and for the range that sizes an entry."""
        return max(self.warmup, self.range_candles + 1 if self.range_candles else 0)


def chosen_strategy(config: Config) -> Chosen:
    """Return the configured strategy. Raises ConfigError naming what is wrong."""
    strategy = load(config.strategy.name)
    is_ranged = config.sizing.method is Sizing.VOLATILITY
    chosen = Chosen(
        strategy,
        parse_params(strategy, config.strategy.params),
        config.sizing.range_candles if is_ranged else 0,
    )
    if chosen.history > WARMUP_MAX:
        raise ConfigError(
            f"strategy {strategy.name} needs {chosen.history} candles before its first opinion, "
            f"exchanges give {WARMUP_MAX} in one answer",
            hint="use shorter periods",
        )
    return chosen
