"""`tradebot keys` and `tradebot alerts`: without a terminal, without secrets in flags or output."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.support.keystores import CHEAP
from tests.support.servers import webhook
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import KeyCheck
from tradebot.adapters.redact import Secret
from tradebot.cli import alerts, keys
from tradebot.errors import KeystoreError, NotFoundError, TradebotError, UsageError

WORD = "correct horse"
LINES = "key-7f3a9c\nsecret-51b2e8\n"


@pytest.fixture(autouse=True)
def word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project with a keystore, and the name of a passphrase file outside it."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    Keystore.create(Path("keystore"), Secret(WORD), parameters=CHEAP)
    return private_file(tmp_path / "word", WORD)


def private_file(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def run(app: typer.Typer, *arguments: str, typed: str = "", exit_code: int = 0) -> str:
    """Run a command that ends with `exit_code`; return its stdout."""
    result = CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)
    assert result.exit_code == exit_code, result.output
    for canary in ("7f3a9c", "51b2e8", WORD):
        assert canary not in result.output
    return result.stdout


def refused(app: typer.Typer, *arguments: str, typed: str = "") -> TradebotError:
    """Run a command that raises for the program's top to print; return what it raised."""
    with pytest.raises(TradebotError) as caught:
        CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)
    return caught.value


def test_a_key_is_added_listed_and_removed_without_a_terminal(word: str) -> None:
    adding = ("add", "binance", "--testnet", "--stdin", "--passphrase-file", word)
    assert run(keys.app, *adding, typed=LINES) == "Saved binance/testnet/main\n"
    assert run(keys.app, "list") == "KEY\tCHECKED\nbinance/testnet/main\tno\n"
    removing = ("remove", "binance", "--testnet", "--passphrase-file", word)
    name = "binance/testnet/main"
    assert run(keys.app, *removing, "--confirm", name) == f"Removed {name}\n"
    assert run(keys.app, "list") == "KEY\tCHECKED\n"


def test_results_are_json_when_asked_for(word: str, tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "key", LINES)
    added = run(
        keys.app, "add", "kraken", "--live", "--account", "second", "--key-file", key_file,
        "--passphrase-file", word, "--json", "--no-check",
    )  # fmt: skip
    schema = {"schema": "tradebot.keys/1"}
    assert json.loads(added) == {**schema, "saved": "kraken/live/second", "checked": False}
    assert json.loads(run(keys.app, "list", "--json")) == {
        **schema, "keys": ["kraken/live/second"], "checks": {"kraken/live/second": None},
    }  # fmt: skip
    removed = run(
        keys.app, "remove", "kraken", "--live", "--account", "second",
        "--confirm", "kraken/live/second", "--passphrase-file", word, "--json",
    )  # fmt: skip
    assert json.loads(removed) == {**schema, "removed": "kraken/live/second"}


def test_the_list_tells_what_the_exchange_said_of_a_key_and_when(word: str) -> None:
    adding = ("--stdin", "--passphrase-file", word)
    run(keys.app, "add", "slack", *adding, typed="https://hooks.slack.com/services/T0/B0/x\n")
    store = Keystore.open(Path("keystore"), Secret(WORD))
    fields = {"api_key": Secret("key-7f3a9c"), "secret": Secret("secret-51b2e8")}
    check = KeyCheck(
        checked_at_ms=1_795_000_000_000, may_trade=True, may_withdraw=False, may_transfer=False,
        ip_restricted=None,
    )  # fmt: skip
    store.put("kraken/live/main", fields, "live", check=check)
    assert run(keys.app, "list").splitlines()[1:] == [
        "alerts/slack\tby `tradebot alerts test`",
        "kraken/live/main\t2026-11-18T11:06:40Z: trade yes, withdraw no, transfer no,"
        " listed addresses only not told",
    ]
    listed = json.loads(run(keys.app, "list", "--json"))
    assert listed["checks"] == {"alerts/slack": None, "kraken/live/main": asdict(check)}


def test_another_key_takes_the_place_of_one(word: str) -> None:
    adding = ("binance", "--testnet", "--stdin", "--passphrase-file", word)
    run(keys.app, "add", *adding, "--no-check", typed=LINES)
    shown = run(keys.app, "rotate", *adding, "--json", typed="key-new\nsecret-new\n")
    assert json.loads(shown)["saved"] == "binance/testnet/main"
    fields = Keystore.open(Path("keystore"), Secret(WORD)).get("binance/testnet/main", "testnet")
    assert fields["api_key"] == Secret("key-new")


def test_all_keys_are_encrypted_anew(word: str) -> None:
    run(keys.app, "add", "binance", "--testnet", "--stdin", "--passphrase-file", word, typed=LINES)
    before = Path("keystore/keystore.json").read_bytes()
    rotating = ("rotate", "--data-key", "--passphrase-file", word)
    assert run(keys.app, *rotating) == "Encrypted anew: 1 keys\n"
    assert json.loads(run(keys.app, *rotating, "--json"))["encrypted_anew"] == 1
    assert before not in {path.read_bytes() for path in Path("keystore").iterdir()}
    Keystore.open(Path("keystore"), Secret(WORD)).get("binance/testnet/main", "testnet")


@pytest.mark.parametrize("words", [(), ("binance", "--testnet", "--data-key")])
def test_a_rotation_is_of_one_key_or_of_the_data_key(words: tuple[str, ...]) -> None:
    error = refused(keys.app, "rotate", *words)
    assert (error.message, error.exit_code) == ("what is to be rotated?", 2)


def test_a_backup_is_exported_and_not_twice(word: str, tmp_path: Path) -> None:
    target = tmp_path / "backup.json"
    exporting = ("export-backup", str(target), "--passphrase-file", word)
    assert run(keys.app, *exporting) == f"{target}: 0 keys, verified\n"
    assert target.read_bytes() == Path("keystore/keystore.json").read_bytes()
    assert refused(keys.app, *exporting).message == f"{target} is there already"


def test_a_key_that_was_not_checked_says_so_to_people(word: str) -> None:
    result = CliRunner().invoke(
        keys.app, ["add", "binance", "--testnet", "--stdin", "--passphrase-file", word], LINES
    )
    assert result.stderr == (
        "binance/testnet/main: binance does not tell it on its testnet.\n"
        "Encrypted in keystore. It was not checked: give it no right to withdraw.\n"
    )


def test_the_passphrase_is_changed_between_two_files(word: str, tmp_path: Path) -> None:
    new = private_file(tmp_path / "new", "another horse")
    options = ("--passphrase-file", word, "--new-passphrase-file", new)
    assert run(keys.app, "passphrase", *options) == "The passphrase is changed\n"
    error = refused(keys.app, "passphrase", *options)
    assert error.message == "wrong passphrase, or keystore/keystore.json was changed"


def test_a_person_is_asked_on_the_terminal_and_stdout_stays_clean() -> None:
    asked, stdout = on_a_terminal(
        "add binance --testnet",
        {"Api key: ": "key-7f3a9c", "Secret: ": "secret-51b2e8", "Keystore passphrase: ": WORD},
    )
    assert stdout == "Saved binance/testnet/main\n"
    assert "7f3a9c" not in asked
    assert WORD not in asked
    asked, stdout = on_a_terminal(
        "remove binance --testnet",
        {"Type binance/testnet/main to remove it: ": "binance/testnet/main",
         "Keystore passphrase: ": WORD},
    )  # fmt: skip
    assert stdout == "Removed binance/testnet/main\n"


def on_a_terminal(command: str, answers: dict[str, str]) -> tuple[str, str]:
    """Run a command on a terminal, type each answer after its question; return both screens."""
    # The child takes the terminal itself: getpass asks on /dev/tty.
    program = (
        "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "from tradebot.cli.keys import app; app(sys.argv[1:])"
    )
    root = str(Path(__file__).parents[3])
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", program, *command.split()],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
        env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    os.close(theirs)
    screen = ""
    for question, answer in answers.items():
        while not screen.endswith(question):
            screen += os.read(ours, 1000).decode()
        os.write(ours, f"{answer}\n".encode())
    stdout, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, screen
    return screen, stdout.decode()


def test_without_a_terminal_nobody_is_asked(word: str) -> None:
    assert isinstance(refused(keys.app, "add", "binance", "--testnet"), UsageError)
    adding = ("add", "binance", "--testnet", "--stdin")
    assert isinstance(refused(keys.app, *adding, typed=LINES), KeystoreError)
    run(keys.app, *adding, "--passphrase-file", word, typed=LINES)
    assert isinstance(refused(keys.app, "remove", "binance", "--testnet"), UsageError)


def test_no_option_takes_a_secret() -> None:
    for command in keys.app.registered_commands:
        assert command.callback is not None
        options = set(command.callback.__annotations__)
        assert not options & {"key", "api_key", "secret", "password", "passphrase", "webhook"}


def test_a_folder_without_a_keystore_lists_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert run(keys.app, "list") == "KEY\tCHECKED\n"


# Alerts.


def configured(text: str) -> None:
    Path("config.toml").write_text(text)


def test_the_alert_test_names_each_channel_its_time_and_its_error(word: str) -> None:
    configured('[alerts]\nchannels = ["slack"]\n')
    with webhook() as hook:
        adding = ("add", "slack", "--stdin", "--passphrase-file", word)
        run(keys.app, *adding, typed=hook.url + "\n")
        shown = run(alerts.app, "test", "--passphrase-file", word)
        assert shown.startswith("slack ok ")
        assert shown.endswith(" ms\n")
        hook.status, hook.answer = 404, b"no_service"
        shown = run(alerts.app, "test", "--passphrase-file", word, exit_code=1)
        assert shown == "slack FAILED slack answered 404: no_service\n"
        shown = run(alerts.app, "test", "--passphrase-file", word, "--json", exit_code=1)
    result = json.loads(shown)
    assert result["schema"] == "tradebot.alerts/1"
    (channel,) = result["channels"]
    assert isinstance(channel.pop("milliseconds"), int)
    assert channel == {
        "channel": "slack", "ok": False, "error": "slack answered 404: no_service",
    }  # fmt: skip


def test_an_alert_test_without_channels_exits_3() -> None:
    error = refused(alerts.app, "test")
    assert isinstance(error, NotFoundError)
    assert error.exit_code == 3


def test_help_needs_neither_the_exchange_library_nor_the_crypto_library() -> None:
    program = (
        "import sys; from tradebot.cli import alerts, keys, prompt; "
        "print([name for name in ('ccxt', 'pandas', 'cryptography', 'requests', 'pydantic')"
        " if name in sys.modules])"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert done.stdout == "[]\n"
