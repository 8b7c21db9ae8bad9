"""What the owner sets about trading: size, exits, entries, limits and pauses, and what contradicts.

Law: a fraction is 0 to 1, an amount is in the quote coin; limits that cannot both hold are refused.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from tradebot.engine.settings import Pace, Pauses, Sizing
from tradebot.model.money import parse_decimal, plain, to_ppm

Fraction = Annotated[Decimal, Field(ge=0, le=1, max_digits=7, decimal_places=6)]
Discount = Annotated[Decimal, Field(ge=0, lt=1, max_digits=7, decimal_places=6)]
Part = Annotated[Decimal, Field(gt=0, le=1, max_digits=7, decimal_places=6)]
NO_NUMBER = "this is a number: write it without quotes or unit, as {}"
# More than all coins are worth: what is above is a slip of the pen.
Amount = Annotated[Decimal, Field(gt=0, lt=10**15, allow_inf_nan=False)]


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @field_validator("*", mode="before")
    @classmethod
    def _value_is_what_it_looks_like(cls, value: object, info: ValidationInfo) -> object:
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            return value  # Whose keys are looked at there.
        if not _is_readable(value):
            raise ValueError("it holds a character that cannot be seen, such as a line end")
        if kind is Decimal and isinstance(value, str):
            try:
                # The library would take 1_0, and the digits of every script.
                return parse_decimal(value)
            except ValueError:
                raise ValueError(NO_NUMBER.format("0.1")) from None
        if kind is int and isinstance(value, (str, bool)):
            raise ValueError(NO_NUMBER.format("1"))
        return value


def _is_readable(value: object) -> bool:
    """Return whether every text in a value, however deep, can be seen as it is."""
    if isinstance(value, str):
        return value.isprintable()
    if isinstance(value, Mapping):
        return all(_is_readable(each) for item in value.items() for each in item)
    if isinstance(value, (list, tuple)):
        return all(map(_is_readable, value))
    return True


class SizingSection(Section):
    """How much an entry buys, before the limits cap it."""

    method: Sizing = Sizing.RISK
    fraction: Part = Decimal("0.1")
    risk_fraction: Part = Decimal("0.01")
    range_candles: int = Field(14, ge=2, le=500)
    range_multiple: Annotated[Decimal, Field(gt=0, le=100, decimal_places=6)] = Decimal(2)


class ExitsSection(Section):
    """Where a position ends besides the signal. 0 switches an exit off."""

    stop_fraction: Fraction = Decimal("0.02")
    target_fraction: Annotated[Decimal, Field(ge=0, le=10, decimal_places=6)] = Decimal("0.04")
    trailing_fraction: Fraction = Decimal(0)
    hold_candles_max: int = Field(0, ge=0, le=1_000_000)


class EntriesSection(Section):
    """How an entry is bought: at the market, or by a limit order that rests under it."""

    kind: Literal["market", "limit"] = "market"
    offset_fraction: Discount = Decimal(0)
    timeout_candles: int = Field(1, ge=1, le=1_000)
    reprice_max: int = Field(3, ge=0, le=1_000)


class RiskSection(Section):
    """The limits that the risk gate holds."""

    position_fraction_max: Part = Decimal("0.1")
    exposure_fraction_max: Part = Decimal("0.95")
    open_positions_max: int = Field(10, ge=1, le=200)
    order_notional_max: Amount = Decimal(1_000_000)
    reserve_fraction: Discount = Decimal("0.01")
    risk_fraction_max: Part = Decimal("0.02")
    reward_to_risk_min: Annotated[Decimal, Field(ge=0, le=100, decimal_places=6)] = Decimal("1.5")
    daily_loss_fraction_max: Part = Decimal("0.03")
    drawdown_fraction_max: Part = Decimal("0.2")
    price_collar_fraction: Part = Decimal("0.02")
    clusters: tuple[tuple[str, ...], ...] = ()
    cluster_fraction_max: Part = Decimal("0.3")
    entries_per_day_max: int = Field(20, ge=1, le=100_000)
    orders_per_minute_max: int = Field(60, ge=5, le=6_000)
    orders_per_hour_max: int = Field(600, ge=5, le=100_000)
    errors_in_a_row_max: int = Field(5, ge=1, le=1_000)
    orders_in_doubt_max: int = Field(2, ge=1, le=1_000)
    open_orders_max: int = Field(50, ge=3, le=200)
    duplicate_seconds: int = Field(60, ge=0, le=86_400)

    def pace(self) -> Pace:
        """Return how much may happen, and how much may go wrong."""
        return Pace(
            entries_per_day_max=self.entries_per_day_max,
            orders_per_minute_max=self.orders_per_minute_max,
            orders_per_hour_max=self.orders_per_hour_max,
            errors_in_a_row_max=self.errors_in_a_row_max,
            in_doubt_max=self.orders_in_doubt_max,
            open_orders_max=self.open_orders_max,
            duplicate_ms=self.duplicate_seconds * 1000,
        )


class PausesSection(Section):
    """When entries pause by themselves. 0 switches a pause off."""

    cooldown_candles: int = Field(2, ge=0, le=100_000)
    all_cooldown_candles: int = Field(0, ge=0, le=100_000)
    stops_max: int = Field(4, ge=0, le=200)
    market_stops_max: int = Field(2, ge=0, le=200)
    stops_within_candles: int = Field(24, ge=1, le=100_000)
    stops_pause_candles: int = Field(12, ge=1, le=100_000)
    low_profit_trades: int = Field(0, ge=0, le=200)
    market_low_profit_trades: int = Field(0, ge=0, le=200)
    low_profit_fraction: Annotated[Decimal, Field(ge=-1, le=1, decimal_places=6)] = Decimal(0)
    low_profit_within_candles: int = Field(168, ge=1, le=100_000)
    low_profit_pause_candles: int = Field(24, ge=1, le=100_000)

    def pauses(self, candle_ms: int) -> Pauses:
        """Return the pauses in ms, for candles of that length."""
        return Pauses(
            cooldown_ms=self.cooldown_candles * candle_ms,
            all_cooldown_ms=self.all_cooldown_candles * candle_ms,
            stops_max=self.stops_max,
            market_stops_max=self.market_stops_max,
            stops_within_ms=self.stops_within_candles * candle_ms,
            stops_pause_ms=self.stops_pause_candles * candle_ms,
            low_profit_trades=self.low_profit_trades,
            market_low_profit_trades=self.market_low_profit_trades,
            low_profit_ppm=to_ppm(self.low_profit_fraction),
            low_profit_within_ms=self.low_profit_within_candles * candle_ms,
            low_profit_pause_ms=self.low_profit_pause_candles * candle_ms,
        )


def contradictions(
    markets: tuple[str, ...],
    sizing: SizingSection,
    exits: ExitsSection,
    risk: RiskSection,
    pauses: PausesSection,
) -> Iterator[str]:
    """Yield what of it cannot both hold, in words that name the keys."""
    if risk.daily_loss_fraction_max > risk.drawdown_fraction_max:
        yield (
            f"risk.daily_loss_fraction_max {plain(risk.daily_loss_fraction_max)} is above "
            f"risk.drawdown_fraction_max {plain(risk.drawdown_fraction_max)}, and would never trip"
        )
    if risk.orders_per_minute_max > risk.orders_per_hour_max:
        yield (
            f"risk.orders_per_minute_max {risk.orders_per_minute_max} is above "
            f"risk.orders_per_hour_max {risk.orders_per_hour_max}"
        )
    yield from _of_exposure(risk)
    yield from _of_pauses(pauses, len(markets))
    yield from _of_one_trade(sizing, exits, risk)
    for cluster in risk.clusters:
        strangers = sorted(set(cluster) - set(markets))
        if strangers:
            yield f"risk.clusters names {', '.join(strangers)}, not in bot.markets"
        if len(set(cluster)) < max(2, len(cluster)):
            yield "risk.clusters: a cluster is of two markets or more, each named once"


def _of_exposure(risk: RiskSection) -> Iterator[str]:
    limits = [("position_fraction_max", risk.position_fraction_max)]
    limits += [("cluster_fraction_max", risk.cluster_fraction_max)] if risk.clusters else []
    for key, limit in limits:
        # 1 is no limit of its own: all the rest of them may hold it.
        if risk.exposure_fraction_max < limit < 1:
            yield (
                f"risk.{key} {plain(limit)} is above risk.exposure_fraction_max "
                f"{plain(risk.exposure_fraction_max)}, and would never bind"
            )


def _of_pauses(pauses: PausesSection, markets: int) -> Iterator[str]:
    """Yield the pauses whose trades cannot all end within the time that is looked back on."""
    # A market that pauses after each stop has the next one that much later.
    cooldown = max(1, pauses.cooldown_candles, pauses.all_cooldown_candles)
    stops, low = pauses.stops_within_candles, pauses.low_profit_within_candles
    for key, count, most, within, window in (
        ("market_stops_max", pauses.market_stops_max, 1 + stops // cooldown, "stops", stops),
        ("stops_max", pauses.stops_max, markets * (1 + stops), "stops", stops),
        ("market_low_profit_trades", pauses.market_low_profit_trades, 1 + low, "low_profit", low),
        ("low_profit_trades", pauses.low_profit_trades, markets * (1 + low), "low_profit", low),
    ):
        if count > most:
            yield (
                f"pauses.{key} {count} would never pause anything: no more than {most} can end "
                f"within pauses.{within}_within_candles {window}"
            )


def _of_one_trade(
    sizing: SizingSection, exits: ExitsSection, risk: RiskSection
) -> Iterator[str]:
    if sizing.method is not Sizing.FRACTION:
        for key, limit in (
            ("risk_fraction_max", risk.risk_fraction_max),
            ("daily_loss_fraction_max", risk.daily_loss_fraction_max),
        ):
            if sizing.risk_fraction > limit:
                yield (
                    f"sizing.risk_fraction {plain(sizing.risk_fraction)} is above risk.{key} "
                    f"{plain(limit)}: a single trade could lose more than that"
                )
    if sizing.method is Sizing.RISK and not exits.stop_fraction:
        yield (
            "sizing.method 'risk' sizes by the stop: set exits.stop_fraction above 0, or use "
            "sizing.method 'fraction'"
        )
    stops = [each for each in (exits.stop_fraction, exits.trailing_fraction) if each]
    if stops and exits.target_fraction:
        asked = risk.reward_to_risk_min * min(stops)
        if exits.target_fraction < asked:
            yield (
                f"exits.target_fraction {plain(exits.target_fraction)} is less than "
                f"risk.reward_to_risk_min {plain(risk.reward_to_risk_min)} times the stop "
                f"{plain(min(stops))}: every entry would be refused; set it to at least "
                f"{plain(asked)}, or risk.reward_to_risk_min lower"
            )
