"""The configuration: every key, its unit, default and bounds; errors name file and line.

Law: no key is ignored and none is guessed; fractions are 0…1, amounts are in the quote coin.
"""

import hashlib
import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from tradebot.adapters.passthrough import check_passthrough
from tradebot.engine.settings import Rules
from tradebot.errors import ConfigError, UsageError
from tradebot.model.market import FeeAsset, is_symbol
from tradebot.model.money import plain, to_ppm
from tradebot.model.timeframe import parse_time, timeframe_ms
from tradebot.runtime.config_errors import explain
from tradebot.runtime.config_rules import (
    Amount,
    EntriesSection,
    ExitsSection,
    Fraction,
    PausesSection,
    RiskSection,
    Section,
    SizingSection,
    contradictions,
)
from tradebot.runtime.salvage import DEFAULT_FILE, KEYSTORE, LOGS, UNREADABLE, beside

# Refreshed at half its time, at wakes that are ten seconds apart.
DEAD_MAN_SECONDS_MIN = 30



class BotSection(Section):
    """Who trades what, how often."""

    name: str = Field("main", pattern=r"^[a-z0-9][a-z0-9-]{0,15}$")
    markets: tuple[str, ...] = Field(("BTC/USDT", "ETH/USDT"), min_length=1, max_length=200)
    timeframe: str = "1h"

    @field_validator("timeframe")
    @classmethod
    def _timeframe_is_served(cls, value: str) -> str:
        try:
            timeframe_ms(value)
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        return value

    @field_validator("markets")
    @classmethod
    def _markets_are_markets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        quotes = set()
        for symbol in value:
            base, _, quote = symbol.partition("/")
            if base == quote:
                raise ValueError(f"{symbol!r} is not a market: a coin is not traded for itself")
            if is_symbol(symbol.upper()) and symbol != symbol.upper():
                raise ValueError(f"{symbol!r} is not a market; did you mean {symbol.upper()}?")
            if not is_symbol(symbol):
                raise ValueError(f"{symbol!r} is not a market; write it as BTC/USDT")
            quotes.add(quote)
        if len(set(value)) < len(value):
            raise ValueError("a market is listed twice")
        if len(quotes) > 1:
            raise ValueError(
                f"markets are quoted in {', '.join(sorted(quotes))}: one bot trades one quote coin"
            )
        return tuple(sorted(value))


class ExchangeSection(Section):
    """Which exchange and account; `ccxt` says how the exchange client reaches it."""

    id: str = Field("binance", pattern=r"^[a-z0-9]{2,30}$")
    account: str = Field("main", pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    ccxt: dict[str, Any] = Field(default_factory=dict)

    @field_validator("ccxt")
    @classmethod
    def _no_law_of_orders_is_broken(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            check_passthrough(value)
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        return value


class StrategySection(Section):
    """Which strategy decides, by name or as path/to/file.py:ClassName, and its parameters."""

    name: str = "vote"
    params: dict[str, Any] = Field(default_factory=dict)


class ReconcileSection(Section):
    """How often the books are compared with the exchange, and what they are guarded by."""

    every_seconds: int = Field(300, ge=10, le=86_400)
    requests_max: int = Field(20, ge=4, le=1_000)
    dead_man_seconds: int = Field(60, ge=0, le=3_600)

    @field_validator("dead_man_seconds")
    @classmethod
    def _dead_man_outlives_a_wake(cls, value: int) -> int:
        if 0 < value < DEAD_MAN_SECONDS_MIN:
            raise ValueError(
                f"{value} would cancel orders between two wakes; use 0 for off, or "
                f"{DEAD_MAN_SECONDS_MIN} and more"
            )
        return value


class CostsSection(Section):
    """What simulated trades cost: in the sandbox and in backtests."""

    slippage_fraction: Fraction = Decimal("0.0005")
    maker_fee_fraction: Fraction = Decimal("0.001")
    taker_fee_fraction: Fraction = Decimal("0.001")
    fee_asset: FeeAsset = FeeAsset.RECEIVED


class SandboxSection(Section):
    """The sandbox exchange's opening cash and synthetic market."""

    cash: Amount = Decimal(10_000)
    seed: int = Field(7, ge=0, le=2**32 - 1)
    start: str = "2025-01-01"
    candles: int = Field(720, ge=1, le=1_000_000)

    @field_validator("start")
    @classmethod
    def _start_is_a_time(cls, value: str) -> str:
        try:
            parse_time(value)
        except UsageError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        return value


class AlertsSection(Section):
    """Which channels tell the owner, and of what. Credentials live in the keystore."""

    channels: tuple[Literal["slack", "telegram", "email"], ...] = ()
    kinds: tuple[Literal["order", "fill", "stop", "error", "lifecycle"], ...] = (
        "fill",
        "stop",
        "error",
        "lifecycle",
    )


class ArmingSection(Section):
    """What must have been done, and how lately, before real money is traded."""

    days_min: int = Field(7, ge=1, le=365)
    drill_days_max: int = Field(30, ge=1, le=365)
    backup_days_max: int = Field(7, ge=1, le=365)
    alert_days_max: int = Field(30, ge=1, le=365)


class PathsSection(Section):
    """Where run-time files and keys go, from the folder of the configuration file on."""

    logs: Path = LOGS
    keystore: Path = KEYSTORE

    @field_validator("logs", "keystore")
    @classmethod
    def _path_is_a_folder_of_its_own(cls, value: Path) -> Path:
        if value == Path():
            raise ValueError("name a folder for it, such as logs")
        return value


class UnlockSection(Section):
    """What may open the keystore besides systemd, a passphrase file and a person."""

    keyring: bool = False


class Config(Section):
    """The whole configuration."""

    bot: BotSection = BotSection()
    exchange: ExchangeSection = ExchangeSection()
    strategy: StrategySection = StrategySection()
    sizing: SizingSection = SizingSection()
    exits: ExitsSection = ExitsSection()
    entries: EntriesSection = EntriesSection()
    risk: RiskSection = RiskSection()
    pauses: PausesSection = PausesSection()
    reconcile: ReconcileSection = ReconcileSection()
    costs: CostsSection = CostsSection()
    sandbox: SandboxSection = SandboxSection()
    alerts: AlertsSection = AlertsSection()
    arming: ArmingSection = ArmingSection()
    paths: PathsSection = PathsSection()
    unlock: UnlockSection = UnlockSection()

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> "Config":
        problems = contradictions(
            self.bot.markets, self.sizing, self.exits, self.risk, self.pauses
        )
        first = next(problems, "")
        if first:
            raise ValueError(first)
        return self

    def rules(self) -> Rules:
        """Return sizing, exits and limits as the engine's integers."""
        candle_ms = timeframe_ms(self.bot.timeframe)
        is_limit = self.entries.kind == "limit"
        return Rules(
            sizing=self.sizing.method,
            fraction_ppm=to_ppm(self.sizing.fraction),
            risk_ppm=to_ppm(self.sizing.risk_fraction),
            stop_ppm=to_ppm(self.exits.stop_fraction),
            target_ppm=to_ppm(self.exits.target_fraction),
            trailing_ppm=to_ppm(self.exits.trailing_fraction),
            held_ms_max=self.exits.hold_candles_max * candle_ms,
            entry_ms_max=self.entries.timeout_candles * candle_ms if is_limit else 0,
            entry_offset_ppm=to_ppm(self.entries.offset_fraction),
            reprice_max=self.entries.reprice_max,
            reserve_ppm=to_ppm(self.risk.reserve_fraction),
            position_ppm_max=to_ppm(self.risk.position_fraction_max),
            exposure_ppm_max=to_ppm(self.risk.exposure_fraction_max),
            open_positions_max=self.risk.open_positions_max,
            order_notional_max=self.risk.order_notional_max,
            range_multiple_ppm=to_ppm(self.sizing.range_multiple),
            risk_ppm_max=to_ppm(self.risk.risk_fraction_max),
            reward_ppm_min=to_ppm(self.risk.reward_to_risk_min),
            daily_loss_ppm_max=to_ppm(self.risk.daily_loss_fraction_max),
            drawdown_ppm_max=to_ppm(self.risk.drawdown_fraction_max),
            collar_ppm=to_ppm(self.risk.price_collar_fraction),
            clusters=tuple(
                frozenset(f"{self.exchange.id}:{symbol}" for symbol in cluster)
                for cluster in self.risk.clusters
            ),
            cluster_ppm_max=to_ppm(self.risk.cluster_fraction_max),
            pauses=self.pauses.pauses(candle_ms),
            pace=self.risk.pace(),
        )

    def digest(self) -> str:
        """Return the hash of all that can change a decision: values, and a strategy's own file."""
        # Imported here: the emergency stop waits for this module, and not for strategies.
        from tradebot.strategies.registry import file_digest

        values = self.model_dump(exclude={"paths", "alerts", "arming", "reconcile", "unlock"})
        values |= {"file": found} if (found := file_digest(self.strategy.name)) else {}
        text = json.dumps(values, sort_keys=True, default=_as_text)
        return hashlib.sha256(text.encode()).hexdigest()


def _as_text(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def load_config(path: Path | None, overrides: dict[str, Any] | None = None) -> Config:
    """Return the configuration of `path`, else of ./config.toml, else the defaults.

    `overrides` are sections of values from the command line, which win. Raises ConfigError naming
    file, line and key of everything that is wrong.
    """
    file = path or DEFAULT_FILE
    text = _read(file, must_exist=path is not None)
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except UNREADABLE as error:
        is_toml = isinstance(error, tomllib.TOMLDecodeError)
        what = str(error) if is_toml else "a number or a nesting in it is too large to be read"
        raise ConfigError(f"{file}: {what}", hint="the file is TOML: key = value") from error
    for section, keys in (overrides or {}).items():
        if isinstance(values.setdefault(section, {}), dict):
            values[section].update(keys)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        named = {f"{section}.{key}" for section, keys in (overrides or {}).items() for key in keys}
        raise explain(error, file=file, text=text, model=Config, overridden=named) from error
    except UNREADABLE as error:
        raise ConfigError(f"{file}: a value in it cannot be reckoned with: {error!r}") from error
    paths = {name: beside(file, path) for name, path in config.paths}
    return config.model_copy(update={"paths": PathsSection(**paths)})


def _read(file: Path, *, must_exist: bool) -> str:
    if file.is_fifo():  # Who waits for its end may wait for ever.
        raise ConfigError(f"{file} is a pipe", hint="--config takes the path of a file")
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must_exist:
            hint = "write one with `tradebot init`"
            raise ConfigError(f"{file}: no such file", hint=hint) from None
        return ""
    except UnicodeDecodeError as error:
        hint = "save the file as UTF-8"
        raise ConfigError(f"{file} is not UTF-8 text: {error.reason}", hint=hint) from error
    except OSError as error:
        hint = "--config takes the path of a file that you may read"
        raise ConfigError(f"{file}: cannot be read: {error.strerror}", hint=hint) from error
