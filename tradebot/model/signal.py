"""A strategy's opinion of one market at one closed candle."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signal:
    """Target exposure −1…1 in parts per million, `None` for "hold what you have", and why.

    `confidence` is 0…1. `readings` are indicator values for people; no decision reads them.
    """

    exposure_ppm: int | None
    confidence: float = 0
    reasons: tuple[str, ...] = ()
    readings: Mapping[str, float] = field(default_factory=dict)


HOLD = Signal(exposure_ppm=None)
