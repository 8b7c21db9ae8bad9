"""Pauses that entries take by themselves: after a stop, after many, after little gain.

Law: a pause is read from the trades that have ended; nothing has to remember that it began.
"""

from decimal import Decimal
from typing import NamedTuple

from tradebot.engine.controls.refusal import refused
from tradebot.engine.settings import Pauses, Rules
from tradebot.engine.state import State
from tradebot.engine.track import Ended
from tradebot.model.money import MONEY_CONTEXT, PPM, ZERO, plain
from tradebot.model.order import Intent, Refused
from tradebot.model.timeframe import format_time


class _Low(NamedTuple):
    """Trades that gained too little, the last of them at `at`."""

    at: int
    trades: int
    gain: Decimal
    wanted: Decimal


def check_pauses(state: State, intent: Intent, rules: Rules) -> Refused | None:
    """Refuse an entry during a pause of its market, or of all markets."""
    if not state.track.trades:
        return None
    pauses, now = rules.pauses, intent.closed_at
    return (
        _check_cooldown(state, intent, pauses, now)
        or _check_stops(state, intent, pauses, now)
        or _check_low_profit(state, intent, pauses, now)
    )


def _check_cooldown(state: State, intent: Intent, pauses: Pauses, now: int) -> Refused | None:
    stopped = state.track.stopped
    here, last_of_all = stopped.get(intent.market), max(stopped.values(), default=None)
    for control, pause_ms, last, what in (
        ("cooldown_candles", pauses.cooldown_ms, here, "it"),
        ("all_cooldown_candles", pauses.all_cooldown_ms, last_of_all, "a market"),
    ):
        if pause_ms and last is not None and now - last < pause_ms:
            return refused(
                intent,
                control,
                pause_ms,
                now - last,
                f"{what} was stopped out at {format_time(last)}; no entries until "
                f"{format_time(last + pause_ms)}",
            )
    return None


def _check_stops(state: State, intent: Intent, pauses: Pauses, now: int) -> Refused | None:
    if not (pauses.stops_max or pauses.market_stops_max):
        return None
    # What is older can neither pause now, nor be counted with what could.
    oldest = now - pauses.stops_pause_ms - pauses.stops_within_ms
    stops = [each for each in _since(state.track.trades, oldest) if each.is_loss_by_stop]
    here = [each for each in stops if each.market == intent.market]
    for control, most, of in (
        ("market_stops_max", pauses.market_stops_max, here),
        ("stops_max", pauses.stops_max, stops),
    ):
        last = _paused_by(of, most, pauses)
        if last is not None and now - last < pauses.stops_pause_ms:
            return refused(
                intent,
                control,
                most,
                most,
                f"{most} trades were stopped out at a loss by {format_time(last)}; no entries "
                f"until {format_time(last + pauses.stops_pause_ms)}",
            )
    return None


def _since(trades: tuple[Ended, ...], oldest: int) -> list[Ended]:
    """Return the trades that ended at `oldest` or later, oldest first."""
    recent = []
    for each in reversed(trades):
        if each.at < oldest:
            break
        recent.append(each)
    return recent[::-1]


def _paused_by(stops: list[Ended], most: int, pauses: Pauses) -> int | None:
    """Return when the newest stop came that was the last of too many; None where none was."""
    if not most:
        return None
    for index in range(len(stops) - 1, most - 2, -1):
        if stops[index].at - stops[index - most + 1].at <= pauses.stops_within_ms:
            return stops[index].at
    return None


def _check_low_profit(state: State, intent: Intent, pauses: Pauses, now: int) -> Refused | None:
    if not (pauses.low_profit_trades or pauses.market_low_profit_trades):
        return None
    # What is older can neither pause now, nor be counted with what could.
    oldest = now - pauses.low_profit_pause_ms - pauses.low_profit_within_ms
    recent = _since(state.track.trades, oldest)
    here = [each for each in recent if each.market == intent.market]
    for control, least, of in (
        ("market_low_profit_trades", pauses.market_low_profit_trades, here),
        ("low_profit_trades", pauses.low_profit_trades, recent),
    ):
        low = _too_low(of, least, pauses, now)
        if low is not None:
            return refused(
                intent,
                control,
                low.wanted,
                low.gain,
                f"{low.trades} trades by {format_time(low.at)} gained {plain(low.gain)}, less than "
                f"{plain(low.wanted)}; no entries until "
                f"{format_time(low.at + pauses.low_profit_pause_ms)}",
            )
    return None


def _too_low(of: list[Ended], least: int, pauses: Pauses, now: int) -> _Low | None:
    """Return the newest trades that gained too little and pause entries still; None = none do.

    One that gains more later ends no pause that was told.
    """
    if not least:
        return None
    for index in range(len(of) - 1, least - 2, -1):
        at = of[index].at
        if now - at >= pauses.low_profit_pause_ms:
            return None
        counted = _since(tuple(of[: index + 1]), at - pauses.low_profit_within_ms)
        gain, cost = ZERO, ZERO
        for each in counted:
            gain, cost = MONEY_CONTEXT.add(gain, each.gain), MONEY_CONTEXT.add(cost, each.cost)
        wanted = MONEY_CONTEXT.divide(MONEY_CONTEXT.multiply(cost, pauses.low_profit_ppm), PPM)
        if len(counted) >= least and gain < wanted:
            return _Low(at, len(counted), gain, wanted)
    return None
