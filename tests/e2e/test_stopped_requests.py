"""The owner hears when requests are stopped, and when they go again."""

import json
from pathlib import Path
from signal import SIGINT

import pytest

from tests.support.account import STAYING, account
from tests.support.servers import webhook
from tests.support.shell import typed

# One look at the candles asks three times: the second one stops them, and the first try fails.
STORM = """
[[script]]
fault = "error_before"
answer = "503"
request = "GET klines"
hit = [4, 5, 6, 7, 8, 9]
"""


@pytest.mark.long
def test_bot_tells_when_candles_are_not_asked_for_and_when_they_are_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = folder / "logs" / "tradebot.jsonl"
    with webhook() as hook, account(folder, tmp_path, STORM) as made:
        more = STAYING + "[alerts]\nchannels = ['slack']\n"
        made.project(folder, monkeypatch, leaves=2, more=more)
        typed("keys", "add", "slack", "--stdin", *made.unlock, stdin=f"{hook.url}\n")
        with made.bot(folder) as bot:
            while not log.exists() or "breaker.closed" not in log.read_text():
                assert bot.process.poll() is None
            bot.send(SIGINT)
            bot.ended(130)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    events = [each["event"] for each in lines if each["logger"] == "tradebot.exchange"]
    assert events == ["breaker.opened", "breaker.closed"]
    told = " ".join(str(body) for _, body in hook.posted)
    assert "5 requests in a row for candles and prices had no sound answer, so none is sent" in told
    assert "requests for candles and prices are answered again" in told
    assert "candles: 5 requests" not in told, "what is stopped is not told at each look"
