"""A bot under another name than its journal's: its orders carry the old one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.account import account
from tests.support.shell import typed


@pytest.mark.long
def test_bot_under_another_name_is_refused_and_kill_clears_by_the_journal_s(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: it gave ids by the old name, looked for the new one, and saw nothing missing."""
    journal = folder / "logs" / "runs" / "testnet-binance-main" / "journal.db"
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as bot:
            while not (folder / "logs" / "runs" / "last").is_file():
                assert bot.process.poll() is None
            with closing(sqlite3.connect(journal)) as db:
                db.execute("VACUUM INTO ?", (str(tmp_path / "older.db"),))
            while not made.status()["open_orders"]:
                assert bot.process.poll() is None
        # An older journal: only by its name is the stop at the exchange the bot's.
        for path in journal.parent.glob("journal.db*"):
            path.unlink()
        (tmp_path / "older.db").rename(journal)
        config = folder / "config.toml"
        config.write_text(config.read_text().replace("[bot]", '[bot]\nname = "other"'))
        for command in (["run", "--testnet"], ["reconcile"]):
            refused = typed(*command, *made.unlock, code=78)
            assert "the journal is of bot 'main', [bot] name is 'other'" in refused.err
            assert "put name = 'main' back" in refused.err
        killed = typed("kill", "--json", *made.unlock).json
        assert (killed["cancelled"], killed["open_orders"], killed["problems"]) == (1, [], [])
        assert made.status()["open_orders"] == 0
