"""What all that is held may come to: a market, a cluster of markets, everything, and the cash."""

from collections.abc import Iterator

from tradebot.engine import valuation
from tradebot.engine.controls.refusal import refused
from tradebot.engine.rules.arithmetic import portion
from tradebot.engine.rules.costs import affordable_cash
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.money import plain
from tradebot.model.order import Intent, Leg, Refused


def check_holdings(
    state: State, intent: Intent, rules: Rules, worth: int, price: int
) -> Refused | None:
    """Refuse an entry that takes its market, its cluster or all of them over their limits.

    What is held counts, what is open, and what is UNKNOWN as if it had filled.
    """
    scale = state.scales[intent.market]
    total = valuation.equity(state, intent.market)
    held = valuation.position_value(state, intent.market, price)
    held += valuation.reserved(state, intent.market)
    exposed = valuation.positions_value(state) + valuation.reserved(state)
    for control, ppm, used in (
        ("position_fraction_max", rules.position_ppm_max, held),
        ("exposure_fraction_max", rules.exposure_ppm_max, exposed),
        *_clustered(state, intent.market, rules),
    ):
        limit = portion(total, ppm)
        if used + worth > limit:
            bound, value = scale.cash_decimal(limit), scale.cash_decimal(used + worth)
            return refused(
                intent, control, bound, value, f"{plain(value)} is above the limit {plain(bound)}"
            )
    stage_cash = scale.cash_down(state.stage.cash)
    if rules.is_staged and exposed + worth > stage_cash:
        bound, value = state.stage.cash, scale.cash_decimal(exposed + worth)
        return refused(
            intent,
            "stage_cash",
            bound,
            value,
            f"{plain(value)} would be at work, this stage has earned {plain(bound)}; "
            "`tradebot arm` shows what comes next",
        )
    busy = {name for name in state.positions if valuation.is_held(state, name)}
    busy |= {each.market for each in state.orders.unsettled.values() if each.leg is Leg.ENTRY}
    if intent.market not in busy and len(busy) >= rules.open_positions_max:
        return refused(
            intent,
            "open_positions_max",
            rules.open_positions_max,
            len(busy) + 1,
            f"{len(busy)} positions are open, the limit is {rules.open_positions_max}",
        )
    return None


def _clustered(state: State, market: str, rules: Rules) -> Iterator[tuple[str, int, int]]:
    """Yield control, limit in ppm and what is used, for each cluster that the market is in."""
    for cluster in rules.clusters:
        if market in cluster:
            yield "cluster_fraction_max", rules.cluster_ppm_max, cluster_used(state, cluster)


def cluster_used(state: State, cluster: frozenset[str]) -> int:
    """Return what the markets of a cluster hold and have out, in cash units."""
    used = 0
    for name in cluster:
        close = state.feed.closes.get(name)
        if close is not None:
            used += valuation.position_value(state, name, state.scales[name].price(close))
        used += valuation.reserved(state, name)
    return used


def check_balance(state: State, intent: Intent, rules: Rules, worth: int) -> Refused | None:
    """Refuse an entry that the free balance, less its reserve, does not pay."""
    scale = state.scales[intent.market]
    free = valuation.cash(state, intent.market) - valuation.reserved(state)
    limit = affordable_cash(max(0, free), rules.reserve_ppm)
    if worth <= limit:
        return None
    bound, value = scale.cash_decimal(limit), scale.cash_decimal(worth)
    return refused(
        intent,
        "balance",
        bound,
        value,
        f"order worth {plain(value)} is above the free balance less its reserve, {plain(bound)}",
    )
