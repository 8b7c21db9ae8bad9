"""Several strategies at once: one target, the weighted mean of what the members hold.

A member's opinion stands until its next one, but for no more than `memory` candles: a hold
without an end would need all of history, and a restarted bot would then trade differently from
one that never stopped. So, at each candle, with h the member's last opinion that is not HOLD
among the last `memory` candles, this one included:

    target = sum(weight * h) / sum(weight)     over the members that have an h
    target = NaN (hold)                        when none has

A member that is switched off (`enabled = false`) takes no part, in the target or the warm-up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradebot.errors import ConfigError
from tradebot.strategies.base import (
    AnyParams,
    Explanation,
    Floats,
    Strategy,
    checked_exposure,
    last_signal,
    parse_params,
    required_candles,
)
from tradebot.strategies.donchian import Donchian, DonchianParams
from tradebot.strategies.ema_cross import EmaCross, EmaCrossParams
from tradebot.strategies.params import Range, did_you_mean, param, read_number

MEMBER_KEYS = ("name", "weight", "enabled", "params")
WEIGHTS = Range(low=0.001, high=1000.0, step=0.1)


@dataclass(frozen=True, slots=True)
class Member:
    """One voice of a blend: a strategy by name, its parameters, its weight, and its switch."""

    name: str
    params: AnyParams
    strategy: Strategy = field(compare=False, repr=False)
    weight: float = 1.0
    enabled: bool = True


Members: TypeAlias = tuple[Member, ...]


def read_members(where: str, raw: object) -> Members:
    """Return the members a config table lists: `{name, weight, enabled, params}` each.

    Raises ConfigError naming the member and its key.
    """
    if isinstance(raw, str | Mapping) or not isinstance(raw, list | tuple):
        raise ConfigError(f"{where} must be a list of tables like {{name = 'vote', weight = 1.0}}")
    return tuple(_read_member(f"{where}[{index}]", item) for index, item in enumerate(raw))


def _read_member(where: str, raw: object) -> Member:
    # Imported here: the registry lists this module's strategy among its own.
    from tradebot.strategies.registry import load

    if isinstance(raw, Member):
        return raw
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where} = {raw!r} must be a table like {{name = 'vote', weight = 1.0}}")
    for key in raw:
        if key not in MEMBER_KEYS:
            raise ConfigError(
                f"{where}: unknown key {key!r}{did_you_mean(str(key), MEMBER_KEYS)}",
                hint=f"a member has: {', '.join(MEMBER_KEYS)}",
            )
    name, enabled, table = raw.get("name"), raw.get("enabled", True), raw.get("params", {})
    if not isinstance(name, str):
        raise ConfigError(f"{where}: name = {name!r} must be the name or path of a strategy")
    if not isinstance(enabled, bool):
        raise ConfigError(f"{where}: enabled = {enabled!r} must be true or false")
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: params = {table!r} must be a table")
    try:
        strategy = load(name)
        params = parse_params(strategy, table)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error
    weight = read_number(f"{where}: weight", raw.get("weight", 1.0), WEIGHTS)
    return Member(name=name, params=params, strategy=strategy, weight=weight, enabled=enabled)


DEFAULT_MEMBERS: Members = (
    Member(name="ema_cross", params=EmaCrossParams(), strategy=EmaCross()),
    Member(name="donchian", params=DonchianParams(), strategy=Donchian()),
)


@dataclass(frozen=True, slots=True)
class BlendParams:
    """The members, and for how many candles an opinion stands."""

    members: Members = field(default=DEFAULT_MEMBERS, metadata={"parse": read_members})
    memory: int = param(100, 1, 1000, 1)

    def __post_init__(self) -> None:
        if not self.active:
            raise ValueError("no member is enabled; list at least one with enabled = true")

    @property
    def active(self) -> Members:
        """Return the members that are switched on."""
        return tuple(member for member in self.members if member.enabled)


class Blend(Strategy):
    """The weighted mean of what several strategies hold."""

    name = "blend"
    Params = BlendParams

    def warmup(self, params: BlendParams) -> int:
        """Return the longest member's warm-up, and room for its opinions to be remembered."""
        longest = max(required_candles(member.strategy, member.params) for member in params.active)
        return longest + params.memory - 1

    def exposure(self, candles: pd.DataFrame, params: BlendParams) -> Floats:
        """Return the weighted mean of the members' standing opinions, NaN when there is none."""
        total, weight = np.zeros(len(candles)), np.zeros(len(candles))
        for member in params.active:
            opinions = checked_exposure(member.strategy, candles, member.params)
            held, _ = _held(opinions, params.memory)
            has_one = ~np.isnan(held)
            total[has_one] += member.weight * held[has_one]
            weight[has_one] += member.weight
        target = np.full(len(candles), np.nan)
        np.divide(total, weight, out=target, where=weight > 0.0)
        target[: self.warmup(params) - 1] = np.nan
        # A mean of numbers in -1…1 may leave the range by its last bit.
        return np.asarray(np.clip(target, -1.0, 1.0))

    def explain(self, candles: pd.DataFrame, params: BlendParams) -> Explanation:
        """Return every member's opinion and reasons; confidence is their weighted mean."""
        reasons: list[str] = []
        readings: dict[str, float] = {}
        confidence = 0.0
        for label, member in zip(_labels(params.active), params.active, strict=True):
            opinions = checked_exposure(member.strategy, candles, member.params)
            held, age = _held(opinions, params.memory)
            signal = last_signal(member.strategy, candles, member.params)
            words = _opinion_in_words(float(held[-1]), int(age[-1]))
            reasons.append(f"{label} (weight {member.weight:g}): {words}")
            reasons.extend(f"{label}: {reason}" for reason in signal.reasons)
            readings |= {f"{label}.{key}": value for key, value in signal.readings.items()}
            readings[f"{label}.exposure"] = float(held[-1])
            confidence += member.weight * signal.confidence
        confidence /= sum(member.weight for member in params.active)
        return Explanation(min(1.0, confidence), tuple(reasons), readings)


def _held(opinions: Floats, memory: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return each row's last opinion of at most `memory` rows, NaN for none, and its age."""
    rows = np.arange(opinions.size, dtype=np.int64)
    spoke_at = np.maximum.accumulate(np.where(np.isnan(opinions), -1, rows))
    age = rows - spoke_at
    stands = (spoke_at >= 0) & (age < memory)
    return np.where(stands, opinions[spoke_at], np.nan), age


def _labels(members: Members) -> list[str]:
    """Return a name for each member, numbered where one strategy is there twice."""
    names = [member.strategy.name for member in members]
    return [
        f"{name}#{names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def _opinion_in_words(held: float, age: int) -> str:
    if np.isnan(held):
        return "no opinion"
    if age == 0:
        return f"exposure {held:.2f}"
    return f"exposure {held:.2f}, held for {age} candle{'s' if age > 1 else ''}"
