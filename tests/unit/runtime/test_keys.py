"""Keys into the keystore and out: from prompt, lines or files, checked, and saved whole or not."""

import importlib
import io
import json
from pathlib import Path

import pytest

from tests.support.keystores import CHEAP
from tests.support.servers import webhook
from tradebot.adapters.alerts import AlertSettings
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import Slot, slot_names
from tradebot.adapters.redact import Redactor, Secret
from tradebot.errors import KeystoreError, NotFoundError, UsageError
from tradebot.runtime.keys import (
    _NAMES,
    Unlocking,
    add_key,
    alert_channels,
    change_passphrase,
    credential_names,
    remove_key,
    run_alert_test,
    slot_for,
)

WORD = "correct horse"
TESTNET = Slot("binance", "testnet", "main")
SLACK = Slot("alerts", "alerts", "slack")
EMAIL = Slot("alerts", "alerts", "email")
LINES = "key-7f3a9c\nsecret-51b2e8\n"
EMAIL_LINES = "mail.example.com\n587\nstarttls\nbot\nword-0d9e\nbot@example.com\nme@example.com\n"


def private_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.fixture
def unlocking(tmp_path: Path) -> Unlocking:
    """A keystore without keys in a project, and a passphrase file outside it."""
    folder = tmp_path / "project" / "keystore"
    Keystore.create(folder, Secret(WORD), parameters=CHEAP)
    return Unlocking(folder=folder, passphrase_file=private_file(tmp_path / "word", WORD))


def asking(unlocking: Unlocking, *answers: str) -> tuple[Unlocking, list[tuple[str, bool]]]:
    """A person who types these answers; also what the person was asked, and whether hidden."""
    left, asked = list(answers), list[tuple[str, bool]]()

    def ask(label: str, is_hidden: bool) -> str:
        asked.append((label, is_hidden))
        return left.pop(0)

    return Unlocking(folder=unlocking.folder, ask=ask), asked


def revealed(unlocking: Unlocking, slot: Slot) -> dict[str, str]:
    fields = unlocking.open().get(slot.name, slot.mode)
    return {name: secret.reveal() for name, secret in fields.items()}


def test_a_key_comes_in_by_lines(unlocking: Unlocking) -> None:
    assert add_key(unlocking, TESTNET, stdin=io.StringIO(LINES)) == "binance/testnet/main"
    assert revealed(unlocking, TESTNET) == {"api_key": "key-7f3a9c", "secret": "secret-51b2e8"}


def test_a_key_comes_in_by_prompt_and_only_what_is_secret_stays_hidden(
    unlocking: Unlocking,
) -> None:
    person, asked = asking(unlocking, "key-7f3a9c", "secret-51b2e8 ", WORD)
    add_key(person, TESTNET)
    assert asked == [("Api key", True), ("Secret", True), ("Keystore passphrase: ", True)]
    assert revealed(unlocking, TESTNET) == {"api_key": "key-7f3a9c", "secret": "secret-51b2e8"}
    person, asked = asking(unlocking, *EMAIL_LINES.splitlines(), WORD)
    add_key(person, EMAIL)
    hidden = [label for label, is_hidden in asked if is_hidden]
    assert hidden == ["Password", "Keystore passphrase: "]


@pytest.mark.parametrize(
    "text",
    [LINES, json.dumps({"api_key": "key-7f3a9c", "secret": "secret-51b2e8"}),
     json.dumps({"secret": "secret-51b2e8", "apiKey": "key-7f3a9c", "label": "x"}),
     json.dumps({"name": "key-7f3a9c", "privateKey": "secret-51b2e8\n"})],
    ids=["lines", "ours", "ccxt", "coinbase"],
)  # fmt: skip
def test_a_key_comes_in_by_file(unlocking: Unlocking, tmp_path: Path, text: str) -> None:
    add_key(unlocking, TESTNET, key_file=private_file(tmp_path / "key", text))
    assert revealed(unlocking, TESTNET) == {"api_key": "key-7f3a9c", "secret": "secret-51b2e8"}


def test_a_key_of_several_lines_keeps_them(unlocking: Unlocking, tmp_path: Path) -> None:
    pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
    text = json.dumps({"name": "organizations/x/apiKeys/y", "privateKey": pem})
    slot = Slot("coinbase", "live", "main")
    add_key(unlocking, slot, key_file=private_file(tmp_path / "key.json", text))
    assert revealed(unlocking, slot)["secret"] == pem


def test_the_first_key_makes_the_keystore(tmp_path: Path) -> None:
    folder = tmp_path / "project" / "keystore"
    first = Unlocking(folder=folder, passphrase_file=private_file(tmp_path / "word", WORD))
    add_key(first, SLACK, stdin=io.StringIO("https://hooks.slack.com/services/T0/B0/x\n"))
    assert slot_names(folder) == ("alerts/slack",)


def test_what_is_wrong_with_the_key_is_said_before_the_passphrase_is_asked_for(
    unlocking: Unlocking,
) -> None:
    person, asked = asking(unlocking, "http://hooks.slack.com/services/T0/B0/x")
    with pytest.raises(KeystoreError, match=r"^slack: the webhook is not https") as caught:
        add_key(person, SLACK)
    assert caught.value.exit_code == 4
    assert asked == [("Webhook url", True)]
    assert slot_names(unlocking.folder) == ()


@pytest.mark.parametrize(
    ("slot", "text", "message"),
    [
        (EMAIL, EMAIL_LINES.replace("587", "smtp"), "email: port 'smtp' is not a number"),
        (EMAIL, EMAIL_LINES.replace("me@", "me_"), "email: 'me_example.com' is not an address"),
        (EMAIL, EMAIL_LINES.replace("starttls", ""), "alerts/email: security is empty"),
        (TESTNET, "\nsecret-51b2e8\n", "binance/testnet/main: api_key is empty"),
    ],
)
def test_a_key_that_cannot_be_right_is_not_saved(
    unlocking: Unlocking, slot: Slot, text: str, message: str
) -> None:
    with pytest.raises(KeystoreError) as caught:
        add_key(unlocking, slot, stdin=io.StringIO(text))
    assert caught.value.message == message
    assert slot_names(unlocking.folder) == ()


def test_a_mail_server_may_want_no_login(unlocking: Unlocking) -> None:
    lines = "localhost\n25\nnone\n\n\nbot@example.com\nme@example.com\n"
    add_key(unlocking, EMAIL, stdin=io.StringIO(lines))
    assert revealed(unlocking, EMAIL)["username"] == ""


@pytest.mark.parametrize("text", ["", "one\n", "one\ntwo\nthree\n"])
def test_another_number_of_lines_is_refused(unlocking: Unlocking, text: str) -> None:
    with pytest.raises(UsageError, match=r"^standard input has \d lines, not 2$") as caught:
        add_key(unlocking, TESTNET, stdin=io.StringIO(text))
    assert caught.value.hint == "a line each for api_key, secret"


def test_bad_key_files_are_named(unlocking: Unlocking, tmp_path: Path) -> None:
    def refused(text: str | None, mode: int = 0o600) -> str:
        path = tmp_path / "key"
        if text is not None:
            private_file(path, text).chmod(mode)
        with pytest.raises(KeystoreError) as caught:
            add_key(unlocking, TESTNET, key_file=path)
        assert "7f3a9c" not in caught.value.message + caught.value.hint
        return caught.value.message.replace(str(path), "FILE")

    assert refused(None) == "there is no key file FILE"
    assert refused("{") == "the key file FILE is not JSON"
    assert refused('{"api_key": "key-7f3a9c"}') == "the key file FILE has no secret"
    assert refused('{"api_key": "key-7f3a9c", "secret": 1}') == "the key file FILE has no secret"
    assert refused(LINES, 0o644) == "permissions 0644 of FILE are too open"
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    assert refused(None) == "permissions 0644 of FILE are too open"
    (tmp_path / "key").chmod(0o600)
    assert refused(None) == "the key file FILE is not UTF-8 text"


def test_without_a_terminal_the_other_ways_are_named(unlocking: Unlocking) -> None:
    with pytest.raises(UsageError, match=r"^there is no terminal to ask for the key on$") as caught:
        add_key(unlocking, TESTNET)
    assert caught.value.hint == (
        "give --key-file FILE, or --stdin with a line each for api_key, secret"
    )


def test_two_sources_at_once_are_refused(unlocking: Unlocking, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--stdin and --key-file are both given$"):
        add_key(unlocking, TESTNET, stdin=io.StringIO(LINES), key_file=tmp_path / "key")


def test_a_key_is_not_overwritten(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    with pytest.raises(KeystoreError) as caught:
        add_key(unlocking, TESTNET, stdin=io.StringIO("other-key\nother-secret\n"))
    assert caught.value.message == "binance/testnet/main is in the keystore already"
    assert caught.value.hint == "`tradebot keys remove binance --testnet` takes it out first"
    assert revealed(unlocking, TESTNET)["api_key"] == "key-7f3a9c"


# Names.


def test_names_lead_to_slots() -> None:
    slot = slot_for("binance", testnet=False, live=True, account="second")
    assert slot.name == "binance/live/second"
    assert slot_for("slack", testnet=False, live=False, account="main") == SLACK


@pytest.mark.parametrize("both", [True, False])
def test_an_exchange_key_is_for_exactly_one_of_testnet_and_live(both: bool) -> None:
    with pytest.raises(UsageError, match=r"^is the binance key for --testnet or for --live\?$"):
        slot_for("binance", testnet=both, live=both, account="main")


def test_an_alert_channel_has_no_mode() -> None:
    with pytest.raises(UsageError, match=r"^slack is no exchange$") as caught:
        slot_for("slack", testnet=True, live=False, account="main")
    assert caught.value.hint == "leave out --testnet and --live"


def test_an_account_that_is_no_name_is_refused() -> None:
    with pytest.raises(KeystoreError, match="is not the name of a key"):
        slot_for("binance", testnet=True, live=False, account="../x")


@pytest.mark.parametrize(
    ("name", "hint"), [("binanec", "did you mean binance?"), ("xxxxxx", "try binance, slack or")]
)
def test_an_unknown_exchange_is_refused_with_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="is neither an exchange nor an alert channel") as caught:
        credential_names(Slot(name, "live", "main"))
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("exchange", "names"),
    [("binance", "api_key secret"), ("okx", "api_key secret passphrase"),
     ("kucoin", "api_key secret passphrase"), ("hyperliquid", "private_key wallet_address")],
)  # fmt: skip
def test_an_exchange_asks_for_what_ccxt_says_it_needs(exchange: str, names: str) -> None:
    assert credential_names(Slot(exchange, "live", "main")) == tuple(names.split())


def test_every_credential_of_every_exchange_has_a_name_of_ours() -> None:
    ccxt = importlib.import_module("ccxt")
    wanted = set()
    for exchange in ccxt.exchanges:
        described = getattr(ccxt, exchange)().requiredCredentials
        wanted |= {name for name, is_required in described.items() if is_required}
    assert wanted <= set(_NAMES)


# Removing, passphrases, alerts.


def test_a_key_is_removed_when_its_name_is_typed(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    person, asked = asking(unlocking, TESTNET.name, WORD)
    assert remove_key(person, TESTNET, confirm=None) == "binance/testnet/main"
    assert asked[0] == ("Type binance/testnet/main to remove it", False)
    assert slot_names(unlocking.folder) == ()


def test_a_script_removes_by_naming_the_key_twice(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    remove_key(unlocking, TESTNET, confirm="binance/testnet/main")
    assert slot_names(unlocking.folder) == ()


@pytest.mark.parametrize("confirm", [None, "yes", "binance/live/main"])
def test_without_its_name_a_key_stays(unlocking: Unlocking, confirm: str | None) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    with pytest.raises(UsageError, match=r"^binance/testnet/main was not removed$") as caught:
        remove_key(unlocking, TESTNET, confirm=confirm)
    assert caught.value.hint == "confirm it with --confirm binance/testnet/main"
    assert slot_names(unlocking.folder) == ("binance/testnet/main",)


def test_removing_what_is_not_there_is_refused_before_anything_is_asked(
    unlocking: Unlocking,
) -> None:
    person, asked = asking(unlocking)
    with pytest.raises(KeystoreError, match=r"^the keystore has no binance/testnet/main$"):
        remove_key(person, TESTNET, confirm=None)
    assert asked == []


def test_the_passphrase_changes_from_one_file_to_another(
    unlocking: Unlocking, tmp_path: Path
) -> None:
    new_file = private_file(tmp_path / "new", "another horse")
    change_passphrase(unlocking, new_file)
    Unlocking(folder=unlocking.folder, passphrase_file=new_file).open()
    with pytest.raises(KeystoreError, match="wrong passphrase"):
        unlocking.open()


def test_without_a_keystore_no_passphrase_is_asked_for(tmp_path: Path) -> None:
    person, asked = asking(Unlocking(folder=tmp_path / "keystore"))
    with pytest.raises(KeystoreError, match="there is no keystore"):
        person.open()
    assert asked == []


def test_a_passphrase_file_beside_the_keystore_is_refused(unlocking: Unlocking) -> None:
    inside = private_file(unlocking.folder.parent / "word", WORD)
    with pytest.raises(KeystoreError, match="beside what it opens"):
        Unlocking(folder=unlocking.folder, passphrase_file=inside).open()


def test_channels_without_credentials_do_not_open_the_keystore(tmp_path: Path) -> None:
    locked = Unlocking(folder=tmp_path / "nowhere")
    (channel,) = alert_channels(AlertSettings(channels=("file",)), locked, logs=tmp_path)
    assert channel.name == "file"


def test_the_alert_test_reaches_the_webhook_of_the_keystore(
    unlocking: Unlocking, tmp_path: Path
) -> None:
    with webhook() as hook:
        add_key(unlocking, SLACK, stdin=io.StringIO(hook.url))
        settings = AlertSettings(channels=("slack",))
        (result,) = run_alert_test(settings, unlocking, logs=tmp_path, heading="binance")
    assert (result.channel, result.ok, result.error) == ("slack", True, "")
    assert hook.posted[0][1]["text"] == "[binance] test message: this channel works"


def test_credentials_of_channels_are_registered_for_redaction(
    unlocking: Unlocking, tmp_path: Path
) -> None:
    add_key(unlocking, SLACK, stdin=io.StringIO("https://example.com/canary-7f3a9c"))
    redactor = Redactor()
    settings = AlertSettings(channels=("slack",))
    alert_channels(settings, unlocking, logs=tmp_path, redactor=redactor)
    assert redactor("posting to https://example.com/canary-7f3a9c") == "posting to ***"


def test_an_alert_test_without_channels_is_nothing_found(
    unlocking: Unlocking, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match=r"^no alert channel is on$") as caught:
        run_alert_test(AlertSettings(), unlocking, logs=tmp_path)
    assert caught.value.exit_code == 3
    assert caught.value.hint == 'set [alerts] channels = ["slack"] in the configuration'
