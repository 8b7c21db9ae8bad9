"""Hold every file of the project to this: no secret is in it, and none is in a wheel."""

import random
import string
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.tidy.leaks import leaks, strangers, wheel_problems
from tests.tidy.rule import ROOT
from tests.tidy.test_files import project_files

# Put together here, so that this file does not find itself.
CHANCE = random.Random(5)  # noqa: S311  # stands for a secret
KEY = "".join(CHANCE.choices(string.ascii_letters + string.digits, k=64))
PLANTED = {
    "an exchange's secret": f"secret = '{KEY}'",
    "a base64 secret": f"{KEY[:40]}/{KEY[40:]}==",
    "36 letters and digits": f'"{KEY[:36]}"',
    "a hex secret": f"api_key = '{'0f1e2d3c4b5a6978' * 2}'",
    "a private key": f"-----BEGIN EC PRIVATE KEY-----\n{KEY}\n",
    "a private key in JSON": f'"-----BEGIN PRIVATE KEY-----\\n{KEY}\\n"',
    "a Slack webhook": f"https://hooks.slack.com/services/T0123ABCD/B0123ABCD/{KEY[:24]}",
    "a Slack token": "xo" + "xb-123456789012-abc",
    "a Telegram token": f"https://api.telegram.org/bot123456789:{KEY[:35]}/sendMessage",
    "a Discord webhook": f"https://discord.com/api/webhooks/123456789012/{KEY[:40]}",
    "an AWS key": "AKI" + "A0123456789ABCDEF",
    "a GitHub token": "gh" + f"p_{KEY[:36]}",
    "a Google key": "AI" + f"za{KEY[:35]}",
    "a web token": "ey" + f"JhbGciOiJIUzI.ey{'J'}{KEY[:12]}.{KEY[:12]}",
    "a Fernet token": "gAAA" + f"AA{'a' * 70}",
    "a password in an address": "smtp://bot:hunter22" + "@mail.host.net",
}
INNOCENT = (
    "--hash=sha256:065665c041c42a5938ed220bdcd7230f22527fbec085e1853d2402c8a3615d9d",
    "test_position_that_a_ban_left_bare_gets_its_stop_after_it_by_one_post",
    "tradebot/runtime/TheLongestNameThatWeHaveOfAll2",
    "https://hooks.slack.com/services/T0/B0/0a1b2c",
    "secret = 'canary" + KEY + "'",
    "https://docs.host.net/a/path:with@signs",
)


def test_no_file_holds_a_secret() -> None:
    found = [
        each
        for path in project_files()
        for each in leaks(path.relative_to(ROOT).as_posix(), path.read_text("utf-8", "replace"))
    ]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_secret_is_found_and_not_printed(name: str) -> None:
    found = list(leaks("x.md", f"one\ntwo {PLANTED[name]} three\n"))
    assert any(each.startswith("x.md:2: looks like ") for each in found)
    assert not any(part in each for each in found for part in (KEY[:8], "hunter22", "0f1e2d3c"))


@pytest.mark.parametrize("line", INNOCENT)
def test_what_is_no_secret_is_left_alone(line: str) -> None:
    assert list(leaks("x.md", line)) == []


def test_wheel_holds_the_program_and_its_papers_alone(tmp_path: Path) -> None:
    papers = "tradebot-0.1.0.dist-info"
    right = (
        "tradebot/__init__.py",
        "tradebot/engine/rules/fills.py",
        "tradebot/config.example.toml",
        f"{papers}/METADATA",
        f"{papers}/RECORD",
        f"{papers}/WHEEL",
        f"{papers}/entry_points.txt",
    )
    wrong = (
        "tests/unit/test_candle_table.py",
        "tradebot/logs/runs/live/journal.db",
        "tradebot/keystore/keys.json",
        "tradebot/config.toml",
        "keystore/README.md",
        "logs/tradebot.jsonl",
        ".venv/pyvenv.cfg",
        "tradebot/../outside.py",
        "/absolute.py",
        "tradebot/engine/.hidden.py",
        "tradebot/engine/fills.cpython-311.pyc",
    )
    assert strangers((*right, *wrong)) == list(wrong)
    wheel = tmp_path / "tradebot-0.1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as file:
        file.writestr("tradebot/__init__.py", f"{PLANTED['a Slack webhook']}\n")
        file.writestr(f"{papers}/RECORD", f"tradebot/__init__.py,sha256={KEY[:43]},70\n")
        file.writestr("logs/x", "")
    assert [each.partition(":")[0] for each in wheel_problems(wheel)] == [
        wheel.name,
        "tradebot/__init__.py",
    ]
