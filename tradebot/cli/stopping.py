"""The work behind `tradebot kill` and `tradebot resume`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.cli.output import note
from tradebot.cli.prompt import asker

if TYPE_CHECKING:
    from tradebot.runtime.kill import Killed


def killed(
    *,
    run_name: str | None,
    config_file: Path | None,
    passphrase_file: Path | None,
    reason: str,
    is_flattening: bool,
    on_latched: Callable[[], None],
) -> Killed:
    """Close the latch, then clear what is out; a configuration that cannot be read only latches."""
    from tradebot.errors import ConfigError
    from tradebot.runtime.config import Config, load_config, salvaged_paths
    from tradebot.runtime.keys import Unlocking
    from tradebot.runtime.kill import kill, latch_only
    from tradebot.runtime.prepare import Request

    try:
        config = load_config(config_file)
    except ConfigError as error:
        paths = salvaged_paths(config_file)
        return latch_only(Config(paths=paths), reason, on_latched, problem=error.message)
    unlocking = Unlocking(
        folder=config.paths.keystore, passphrase_file=passphrase_file, ask=asker()
    )
    return kill(
        config,
        Request(config=config_file),
        run_name,
        unlocking,
        reason=reason,
        is_flattening=is_flattening,
        on_latched=on_latched,
    )


def said_latched(*, quiet: bool) -> None:
    """Say that the latch is closed, before anything that may take time."""
    if not quiet:
        note("Halted: no new order leaves from now on.")


def resumed(*, config_file: Path | None, reason: str) -> str:
    """Arm the latch again; return why it was closed, or '' where it was not."""
    from tradebot.adapters.clock import WallClock
    from tradebot.adapters.latch import FileLatch
    from tradebot.errors import TradebotError
    from tradebot.runtime.config import load_config

    latch = FileLatch(load_config(config_file).paths.logs / "latch", WallClock())
    if latch.may_start() or latch.is_new():
        return ""
    was = latch.state().reason
    try:
        latch.arm(f"resumed: {reason}")
    except OSError as error:
        raise TradebotError(
            f"the latch cannot be armed: {error.strerror}", hint="make the logs folder writable"
        ) from error
    return was
