"""The work behind `tradebot reconcile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.cli.output import note
from tradebot.cli.unlocking import unlocking

if TYPE_CHECKING:
    from tradebot.runtime.by_hand import Answered, Asked
    from tradebot.runtime.side_by_side import Waiting


def asked_for(word: str | None, subject: str | None, *, reason: str, is_dry: bool) -> Asked:
    """Return what the words of the command line ask for. Raises UsageError."""
    from tradebot.errors import UsageError
    from tradebot.runtime.by_hand import Asked, Word

    if word is None:
        return Asked(is_dry=is_dry)
    if word not in list(Word):
        raise UsageError(f"{word!r} is no word here", hint="say adopt, ignore or close")
    if not reason and not is_dry:
        raise UsageError(f"{word} wants a --reason", hint="it is kept in the journal")
    return Asked(word=Word(word), scope=subject, reason=reason, is_dry=is_dry)


def reconciled(
    asked: Asked, run_name: str | None, config_file: Path | None, passphrase_file: Path | None
) -> tuple[str, Answered | None, Waiting]:
    """Return the run's name and the answer; None, and the journal's last word, while a bot runs.

    Raises AccountLocked where a word was to change what a running bot keeps.
    """
    from tradebot.errors import AccountLocked
    from tradebot.runtime.by_hand import compare_by_hand, last_word
    from tradebot.runtime.config import load_config
    from tradebot.runtime.prepare import Request
    from tradebot.runtime.runs import Runs

    config = load_config(config_file)
    found = Runs(config.paths.logs).find(run_name)
    try:
        answer = compare_by_hand(
            config,
            Request(config=config_file),
            found,
            unlocking(config, passphrase_file),
            asked,
            on_wait=lambda: note("Something differs; looking again in ten seconds."),
        )
    except AccountLocked:
        if asked.word is not None:
            raise
        return found.name, None, last_word(found)
    return found.name, answer, answer.compared.waiting
