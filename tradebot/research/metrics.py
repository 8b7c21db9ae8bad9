"""Statistics of a run, each formula in one place. Fractions are 0…1; None where undefined."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from tradebot.model.money import ZERO
from tradebot.research.ledger import Ledger, Trade

# Below this, win rate and profit factor say more about luck than about the rule.
TRADES_MIN = 30


def drawdown_max(equities: Iterable[Decimal]) -> Decimal:
    """Return the largest fall from a peak, as a fraction of that peak. Source: usual definition."""
    peak, worst = ZERO, ZERO
    for equity in equities:
        peak = max(peak, equity)
        if peak > 0:
            worst = max(worst, (peak - equity) / peak)
    return worst


def win_rate(trades: Sequence[Trade]) -> Decimal | None:
    """Return the fraction of trades that ended above zero; None without trades."""
    if not trades:
        return None
    return Decimal(sum(trade.net > 0 for trade in trades)) / len(trades)


def profit_factor(trades: Sequence[Trade]) -> Decimal | None:
    """Return gross profit over gross loss; None where nothing was lost."""
    won = sum((trade.net for trade in trades if trade.net > 0), start=ZERO)
    lost = -sum((trade.net for trade in trades if trade.net < 0), start=ZERO)
    return won / lost if lost else None


def growth(before: Decimal, after: Decimal) -> Decimal | None:
    """Return the change as a fraction of what was there before; None where that was nothing."""
    return (after - before) / before if before else None


def buy_and_hold(
    first: dict[str, Decimal], last: dict[str, Decimal]
) -> Decimal | None:
    """Return what holding every market in equal parts gained, without costs; None = no closes."""
    moves = [last[market] / close - 1 for market, close in first.items() if market in last]
    return sum(moves, start=ZERO) / len(moves) if moves else None


def held_return(sums: Ledger) -> Decimal | None:
    """Return buy and hold over the whole run, from its first close to its last."""
    return buy_and_hold(sums.first_closes, sums.marks[-1].closes) if sums.marks else None
