"""The watch over the key of an assembled bot: the real client asks a sandbox that changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.sandbox import KEY, SECRET, book
from tradebot.adapters.journal import entries
from tradebot.adapters.permissions import Permissions
from tradebot.model import event as ev
from tradebot.ports import AlertLevel
from tradebot.runtime import assemble
from tradebot.runtime.assemble import PRACTICE, Bot
from tradebot.runtime.chosen import chosen_strategy
from tradebot.runtime.config import Config
from tradebot.runtime.key_checks import CAUSE, KeyTerms
from tradebot.runtime.runs import Run, Runs, RunSpec
from tradebot.runtime.telling import News, news
from tradebot.sandbox.auth import KeyRights
from tradebot.sandbox.server import SandboxServer


@pytest.fixture
def url() -> Iterator[str]:
    server = SandboxServer(book("100 101 99"), api_key=KEY, secret=SECRET)
    yield server.start()
    server.stop()


def _assembled(url: str, folder: Path, terms: KeyTerms | None, told: list[News]) -> tuple[Bot, Run]:
    test = {"public": f"{url}/api/v3", "private": f"{url}/api/v3", "sapi": f"{url}/sapi/v1"}
    config = Config.model_validate(
        {
            "bot": {"markets": ["BTC/USDT"], "timeframe": "1h"},
            "paths": {"logs": folder / "logs", "keystore": folder / "keystore"},
            "exchange": {"ccxt": {"urls": {"test": test}}},
        }
    )
    run = Runs(config.paths.logs).create(RunSpec(mode=PRACTICE, exchange="binance", account="main"))

    def tell(event: ev.Event, state: assemble.State) -> None:
        item = news(event, state)
        if item is not None:
            told.append(item)

    bot = assemble.account(
        config,
        run,
        chosen_strategy(config),
        mode=PRACTICE,
        key=KEY,
        secret=SECRET,
        tell=tell,
        is_ending=False,
        is_blind=False,
        key_terms=terms,
    )
    return bot, run


def _after_an_hour(bot: Bot) -> None:
    watch = bot.trader._key_watch
    watch._due = 0
    watch.look()


def test_right_that_appears_keeps_entries_out_until_it_is_gone(url: str, tmp_path: Path) -> None:
    noted: list[Permissions] = []
    told: list[News] = []
    terms = KeyTerms(is_real=True, note=noted.append)
    bot, run = _assembled(url, tmp_path, terms, told)
    try:
        for rights in (KeyRights.TRADE, KeyRights.WITHDRAW, KeyRights.FORBIDDEN, KeyRights.TRADE):
            requests.post(f"{url}/sandbox/key", json={"rights": rights}, timeout=10)
            _after_an_hour(bot)
    finally:
        bot.close()
    assert [each.may_withdraw for each in noted] == [False, True, False]
    locks = [
        entry.event
        for entry in entries(run.journal)
        if isinstance(entry.event, (ev.MarketLocked, ev.MarketUnlocked))
    ]
    assert [(type(each), each.cause) for each in locks] == [
        (ev.MarketLocked, CAUSE),
        (ev.MarketUnlocked, CAUSE),
    ]
    assert [each.level for each in told] == [AlertLevel.CRITICAL, AlertLevel.INFO]
    assert told[0].text == "no entries anywhere: the key may withdraw"


def test_bot_that_is_held_to_nothing_does_not_ask(url: str, tmp_path: Path) -> None:
    bot, _ = _assembled(url, tmp_path, None, [])
    try:
        assert bot.trader is not None
        assert bot.trader._key_watch is None
    finally:
        bot.close()
