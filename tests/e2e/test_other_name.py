"""A second bot under another name on one account is found by the form of its order ids."""

from pathlib import Path

import pytest

from tests.support.account import account
from tests.support.shell import typed


@pytest.mark.long
def test_orders_of_a_bot_under_another_name_refuse_the_start_until_a_person_leaves_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: each of the two traded on, and called the other's coins not the bot's."""
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as one:
            while not made.status()["open_orders"]:
                assert one.process.poll() is None
            other = made.project(tmp_path / "other", monkeypatch, leaves=500)
            config = other / "config.toml"
            config.write_text(config.read_text().replace("[bot]", '[bot]\nname = "second"'))
            with made.bot(other, is_elsewhere=True) as two:
                assert "of another tradebot, under another name" in two.ended(6).err
            assert one.process.poll() is None, "it finds nothing: the other one sent no order"
        assert made.status()["open_orders"] == 1
        typed("reconcile", "ignore", "--reason", "the old bot's", *made.unlock)
        typed("resume", "--reason", "the old bot is gone", *made.unlock)
        with made.bot(other) as two:
            two.hear("BUY ")
        assert set(made.status()["posts_by_client_id"].values()) == {1}
