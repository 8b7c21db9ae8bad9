"""Keys from standard input, alerts to servers on loopback, and a testnet that is not there."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.servers import PASSWORD, USERNAME, mail_server, refusing_port, webhook
from tests.support.shell import BUSY, refused, started, typed

KEY = "api-key-7f3a9c\nsecret-51b2e8\n"
UNREACHABLE = """
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
"""
SECRETS = ("api-key-7f3a9c", "secret-51b2e8", "canary-7f3a9c", PASSWORD, "correct horse battery")


@pytest.fixture
def unlock(tmp_path: Path) -> tuple[str, str]:
    """Return the option that names a passphrase file outside of the project."""
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text("correct horse battery\n")
    return ("--passphrase-file", str(file))


def assert_no_secret_in(folder: Path) -> None:
    """Demand that no file of the project holds a secret in the clear."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS), path


def test_key_comes_by_standard_input_and_is_kept_privately(
    folder: Path, unlock: tuple[str, str]
) -> None:
    assert typed("keys", "list", "--json").json["keys"] == []
    saved = typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=KEY)
    assert saved.out == "Saved binance/testnet/main\n"
    assert typed("keys", "list", "--json").json["keys"] == ["binance/testnet/main"]
    for path in (folder / "keystore").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert_no_secret_in(folder)
    again = ("keys", "add", "binance", "--testnet", "--stdin", *unlock)
    assert "is in the keystore already" in refused(4, *again, stdin=KEY)


def test_key_with_a_line_too_few_saves_nothing(folder: Path, unlock: tuple[str, str]) -> None:
    command = ("keys", "add", "binance", "--testnet", "--stdin", *unlock)
    assert "has 1 lines, not 2" in refused(2, *command, stdin="only one\n")
    assert typed("keys", "list", "--json").json["keys"] == []


def test_passphrase_that_others_may_read_or_that_is_wrong_is_refused(
    folder: Path, tmp_path: Path, unlock: tuple[str, str]
) -> None:
    typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=KEY)
    open_file = tmp_path / "open"
    open_file.touch(mode=0o644)
    open_file.write_text("correct horse battery\n")
    inside = folder / "passphrase"
    inside.touch(mode=0o600)
    inside.write_text("correct horse battery\n")
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("battery horse correct\n")
    for file in (open_file, inside, wrong, tmp_path / "missing"):
        refused(4, "run", "--testnet", "--passphrase-file", str(file))
    assert "give --passphrase-file" in refused(4, "run", "--testnet")
    assert not (folder / "logs" / "runs").exists()


def test_testnet_that_cannot_be_reached_ends_in_one_line(
    folder: Path, unlock: tuple[str, str]
) -> None:
    typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=KEY)
    url = f"http://127.0.0.1:{refusing_port()}"
    (folder / "config.toml").write_text(UNREACHABLE.format(url=url))
    with started(folder, "run", "--testnet", *unlock) as program:
        result = program.ended(5)
    assert result.out == ""
    assert "Error: binance cannot be asked for its time" in result.err
    assert "nothing was changed; check the network" in result.err
    assert_no_secret_in(folder)


def test_kill_on_a_testnet_that_cannot_be_reached_says_what_was_not_done(
    folder: Path, unlock: tuple[str, str]
) -> None:
    typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=KEY)
    url = f"http://127.0.0.1:{refusing_port()}"
    (folder / "config.toml").write_text(UNREACHABLE.format(url=url))
    typed("run", "--testnet", *unlock, code=5)
    killed = typed("kill", "--json", *unlock, code=7).json
    assert (killed["halted"], killed["run"]) == (True, "testnet-binance-main")
    assert "binance cannot be asked for" in killed["problems"][0]
    assert "trading is halted" in refused(6, "run", "--testnet", *unlock)


def test_alerts_without_a_channel_or_its_credentials_are_named(folder: Path) -> None:
    assert "no alert channel is on" in refused(3, "alerts", "test")
    (folder / "config.toml").write_text("[alerts]\nchannels = ['slack']\n")
    assert "tradebot keys add" in refused(4, "alerts", "test")
    assert "tradebot keys add" in refused(4, "run")


def test_alert_test_tells_which_channel_works(folder: Path, unlock: tuple[str, str]) -> None:
    (folder / "config.toml").write_text("[alerts]\nchannels = ['slack']\n")
    with webhook() as hook:
        typed("keys", "add", "slack", "--stdin", *unlock, stdin=f"{hook.url}\n")
        (sent,) = typed("alerts", "test", "--json", *unlock).json["channels"]
        assert (sent["channel"], sent["ok"], len(hook.posted)) == ("slack", True, 1)
        hook.status, hook.answer = 404, b"no_service"
        result = typed("alerts", "test", *unlock, code=1)
    assert result.out.startswith("slack FAILED")
    assert_no_secret_in(folder)


def test_run_tells_its_fills_to_slack_and_by_mail(
    folder: Path,
    tmp_path: Path,
    unlock: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "config.toml").write_text(BUSY + "[alerts]\nchannels = ['slack', 'email']\n")
    with webhook() as hook, mail_server(tmp_path, "none", has_login=False) as mail:
        typed("keys", "add", "slack", "--stdin", *unlock, stdin=f"{hook.url}\n")
        fields = ["127.0.0.1", str(mail.port), "none", "", "", "bot@example.com", "me@example.com"]
        typed("keys", "add", "email", "--stdin", *unlock, stdin="\n".join(fields) + "\n")
        run = typed("run", "--json", *unlock)
    assert run.json["trades"] > 0
    told = " ".join(str(body) for _, body in hook.posted)
    mailed = " ".join(str(each.get_content()) for each in mail.mails)
    for text in (told, mailed):
        assert "BUY" in text
        assert "BTC/USDT" in text
    assert USERNAME not in told


def test_run_trades_on_while_nobody_can_be_told(folder: Path, unlock: tuple[str, str]) -> None:
    (folder / "config.toml").write_text(BUSY)
    quiet = typed("run", "--json").json["head"]
    (folder / "config.toml").write_text(BUSY + "[alerts]\nchannels = ['slack']\n")
    url = f"http://127.0.0.1:{refusing_port()}/services/T0/B0/canary-7f3a9c"
    typed("keys", "add", "slack", "--stdin", *unlock, stdin=f"{url}\n")
    assert typed("run", "--json", *unlock).json["head"] == quiet
    assert_no_secret_in(folder)


Damage = Callable[[Path], object]


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: store.write_text("{"),
        lambda store: store.write_bytes(b"\xff\xfe"),
        lambda store: store.chmod(0o644),
        lambda store: store.write_text(store.read_text().replace('"binance/', '"kraken/')),
    ],
    ids=["torn", "not text", "readable by all", "renamed"],
)
def test_damaged_keystore_is_refused(folder: Path, unlock: tuple[str, str], damage: Damage) -> None:
    typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=KEY)
    damage(folder / "keystore" / "keystore.json")
    refused(4, "run", "--testnet", *unlock)
