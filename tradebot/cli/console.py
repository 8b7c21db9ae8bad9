"""How a run looks on a terminal: a header, a line a trade, a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradebot.engine.state import State
    from tradebot.model.event import Event
    from tradebot.research.report import Report
    from tradebot.runtime.config import Config
    from tradebot.runtime.runs import RunSpec


def header(mode: str, config: Config, spec: RunSpec) -> str:
    """Return what is about to trade what, on whose prices."""
    from tradebot.model.money import plain
    from tradebot.model.timeframe import format_time

    start = "" if spec.start_ms is None else f"  from {format_time(spec.start_ms)}"
    end = "" if spec.end_ms is None else f"  to {format_time(spec.end_ms)}"
    names = ", ".join(config.bot.markets)
    lines = [f"{mode.upper()} {config.exchange.id}  {names}  {config.bot.timeframe}{start}{end}"]
    if not spec.is_simulated:
        return lines[0]
    costs = config.costs
    lines.append(
        f"  {prices(config, spec)}; {plain(config.sandbox.cash)} {_quote(config)}; "
        f"taker fee {exact(costs.taker_fee_fraction)}, slippage "
        f"{exact(costs.slippage_fraction)}, fills at the next open; "
        f"strategy {config.strategy.name}"
    )
    return "\n".join(lines)


def prices(config: Config, spec: RunSpec) -> str:
    """Return whose prices a simulated run trades on."""
    if spec.is_synthetic:
        return f"synthetic prices, seed {config.sandbox.seed}; no network, no keys"
    if spec.is_stored:
        return "stored candles"
    return "candles of " + ", ".join(file.rpartition("/")[2] for file in spec.files)


def _quote(config: Config) -> str:
    return config.bot.markets[0].partition("/")[2]


def listener(say: Callable[[str], None]) -> Callable[[Event, State], None]:
    """Return who hears a run's events and says those that are worth a line."""
    from tradebot.model.timeframe import format_time
    from tradebot.runtime.telling import news

    def hear(event: Event, state: State) -> None:
        item = news(event, state)
        if item is not None:
            say(f"{format_time(item.at)[:16].replace('T', ' ')}  {item.text}")

    return hear


def percent(fraction: Decimal | None) -> str:
    """Return a fraction as a percentage with its sign dropped when positive: 0.001 -> 0.10 %."""
    return "n/a" if fraction is None else f"{fraction * 100:.2f} %"


def exact(fraction: Decimal) -> str:
    """Return a fraction as a percentage with every digit it has: 0.000751 -> 0.0751 %."""
    from tradebot.model.money import plain

    return f"{plain(fraction * 100)} %"


def gain(fraction: Decimal | None) -> str:
    """Return a return as a signed percentage."""
    # z: a loss that rounds to nothing is not shown as "-0.00".
    return "n/a" if fraction is None else f"{fraction * 100:+z.2f} %"


def amounts(coins: Mapping[str, Decimal]) -> str:
    """Return amounts of several coins in words: 0.001 BTC, 0.2 USDT."""
    from tradebot.model.money import plain

    return ", ".join(f"{plain(amount)} {coin}" for coin, amount in coins.items())


def result_lines(result: Report, *, is_synthetic: bool) -> list[str]:
    """Return the result of a run in a few lines, buy and hold beside the return."""
    from tradebot.research.metrics import TRADES_MIN
    from tradebot.runtime.telling import signed

    wins = "" if result.win_rate is None else f", {result.win_rate * 100:.0f} % won"
    factor = "" if result.profit_factor is None else f", profit factor {result.profit_factor:.2f}"
    fees = amounts(result.fees) or "none"
    lines = [
        f"Result  {signed(result.net)} {result.quote} ({gain(result.fraction)})   "
        f"buy & hold {gain(result.hold_fraction)}   "
        f"max drawdown {percent(result.drawdown_max)}",
        f"        {result.trades} trades{wins}{factor}; fees {fees}",
    ]
    if result.third_fees:
        paid = amounts(result.third_fees)
        lines.append(f"        {paid} of these fees not counted above: no price known")
    if result.adjusted:
        lines.append(f"        by hand {signed(result.adjusted)} {result.quote}, not counted above")
    if result.trades < TRADES_MIN:
        lines.append(f"        n={result.trades}: too few trades to judge the rule by")
    if is_synthetic:
        lines.append(
            "        Synthetic prices: this shows that the machine works, not that the rule earns."
        )
    return lines
