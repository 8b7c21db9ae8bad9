"""What may open the keystore, by configuration and command line."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.cli.output import note
from tradebot.cli.prompt import asker

if TYPE_CHECKING:
    from tradebot.runtime.config import Config
    from tradebot.runtime.keys import Unlocking

# `--insecure-env` stands before the command, as every one of them may unlock.
insecure_env: ContextVar[bool] = ContextVar("insecure_env", default=False)


def unlocking(config: Config, passphrase_file: Path | None) -> Unlocking:
    """Return what may open the keystore; from now on this process is shielded from others."""
    from tradebot.adapters.hardening import harden
    from tradebot.runtime.keys import Unlocking
    from tradebot.runtime.run_audit import audit_log

    for missing in harden():
        note(f"This process holds secrets unshielded: {missing}.")
    return Unlocking(
        folder=config.paths.keystore,
        passphrase_file=passphrase_file,
        ask=asker(),
        has_keyring=config.unlock.keyring,
        has_insecure_env=insecure_env.get(),
        audit=audit_log(config.paths.logs),
        on_wait=lambda seconds: note(f"After wrong passphrases: waiting {seconds} s."),
    )
