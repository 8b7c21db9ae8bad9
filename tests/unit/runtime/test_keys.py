"""Keys into the keystore and out: from prompt, lines or files, checked, and saved whole or not."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.keystores import CHEAP
from tests.support.servers import webhook
from tradebot.adapters.alerts import AlertSettings
from tradebot.adapters.audit import AuditLog
from tradebot.adapters.clock import VirtualClock
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import KeyCheck, Slot, slot_names
from tradebot.adapters.redact import Redactor, Secret
from tradebot.adapters.unlock_delay import FAILURES_NAME
from tradebot.errors import KeystoreError, NotFoundError, UsageError
from tradebot.runtime.keys import (
    Saved,
    Unlocking,
    add_key,
    alert_channels,
    back_up_keys,
    change_passphrase,
    remove_key,
    rotate_data_key,
    rotate_key,
    run_alert_test,
    slot_for,
)

WORD = "correct horse"
TESTNET = Slot("binance", "testnet", "main")
SLACK = Slot("alerts", "alerts", "slack")
EMAIL = Slot("alerts", "alerts", "email")
LINES = "key-7f3a9c\nsecret-51b2e8\n"
KEY = {"api_key": "key-7f3a9c", "secret": "secret-51b2e8"}
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
    saved = add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    assert saved == Saved("binance/testnet/main", None)
    assert revealed(unlocking, TESTNET) == KEY


def test_a_key_comes_in_by_prompt_and_only_what_is_secret_stays_hidden(
    unlocking: Unlocking,
) -> None:
    person, asked = asking(unlocking, "key-7f3a9c", "secret-51b2e8 ", WORD)
    add_key(person, TESTNET)
    assert asked == [("Api key", True), ("Secret", True), ("Keystore passphrase: ", True)]
    assert revealed(unlocking, TESTNET) == KEY
    person, asked = asking(unlocking, *EMAIL_LINES.splitlines(), WORD)
    add_key(person, EMAIL)
    hidden = [label for label, is_hidden in asked if is_hidden]
    assert hidden == ["Password", "Keystore passphrase: "]


def test_what_is_wrong_with_the_key_is_said_before_the_passphrase_is_asked_for(
    unlocking: Unlocking,
) -> None:
    person, asked = asking(unlocking, "http://hooks.slack.com/services/T0/B0/x")
    with pytest.raises(KeystoreError, match=r"^slack: the webhook is not https") as caught:
        add_key(person, SLACK)
    assert caught.value.exit_code == 4
    assert asked == [("Webhook url", True)]
    assert slot_names(unlocking.folder) == ()


def test_the_first_key_makes_the_keystore(tmp_path: Path) -> None:
    folder = tmp_path / "project" / "keystore"
    first = Unlocking(folder=folder, passphrase_file=private_file(tmp_path / "word", WORD))
    add_key(first, SLACK, stdin=io.StringIO("https://hooks.slack.com/services/T0/B0/x\n"))
    assert slot_names(folder) == ("alerts/slack",)


def test_a_key_is_not_overwritten(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    with pytest.raises(KeystoreError) as caught:
        add_key(unlocking, TESTNET, stdin=io.StringIO("other-key\nother-secret\n"))
    assert caught.value.message == "binance/testnet/main is in the keystore already"
    assert caught.value.hint == "`tradebot keys rotate binance --testnet` puts another in its place"
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


# Another key in the place of one, another data key, backups, and who is told.

CHECKED = KeyCheck(
    checked_at_ms=1, may_trade=True, may_withdraw=False, may_transfer=False, ip_restricted=True
)


def refusing(slot: Slot, fields: Mapping[str, Secret]) -> KeyCheck:
    """Answer as for a key that can withdraw."""
    raise KeystoreError(f"{slot.name} may withdraw")


def test_a_key_that_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "project" / "keystore"
    first = Unlocking(folder=folder, passphrase_file=private_file(tmp_path / "word", WORD))
    with pytest.raises(KeystoreError, match="may withdraw"):
        add_key(first, TESTNET, stdin=io.StringIO(LINES), check=refusing)
    assert not folder.exists()


def test_what_the_exchange_says_is_kept_with_the_key(unlocking: Unlocking) -> None:
    asked = list[tuple[Slot, Mapping[str, Secret]]]()

    def check(slot: Slot, fields: Mapping[str, Secret]) -> KeyCheck:
        asked.append((slot, fields))
        return CHECKED

    saved = add_key(unlocking, TESTNET, stdin=io.StringIO(LINES), check=check)
    assert saved == Saved(TESTNET.name, CHECKED)
    assert unlocking.open().check_of(TESTNET.name, "testnet") == CHECKED
    ((slot, fields),) = asked
    assert (slot, fields["secret"]) == (TESTNET, Secret("secret-51b2e8"))


def test_another_key_takes_the_place_of_one_and_of_its_check(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES), check=lambda slot, fields: CHECKED)
    rotated = rotate_key(unlocking, TESTNET, stdin=io.StringIO("key-new\nsecret-new\n"))
    assert rotated == Saved(TESTNET.name, None)
    assert revealed(unlocking, TESTNET) == {"api_key": "key-new", "secret": "secret-new"}
    assert unlocking.open().check_of(TESTNET.name, "testnet") is None


def test_the_old_key_stays_until_the_other_was_checked(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES), check=lambda slot, fields: CHECKED)
    with pytest.raises(KeystoreError, match="may withdraw"):
        rotate_key(unlocking, TESTNET, stdin=io.StringIO("key-new\nsecret-new\n"), check=refusing)
    assert revealed(unlocking, TESTNET)["api_key"] == "key-7f3a9c"
    assert unlocking.open().check_of(TESTNET.name, "testnet") == CHECKED


def test_the_same_key_is_no_other_one(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    with pytest.raises(KeystoreError, match=r"^binance/testnet/main is that very key already$"):
        rotate_key(unlocking, TESTNET, stdin=io.StringIO(LINES))


def test_there_must_be_a_key_to_put_another_in_its_place(unlocking: Unlocking) -> None:
    person, asked = asking(unlocking)
    with pytest.raises(KeystoreError, match=r"^the keystore has no binance/testnet/main$"):
        rotate_key(person, TESTNET)
    assert asked == []


def test_the_data_key_changes_and_the_passphrase_stays(unlocking: Unlocking) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    early = unlocking.open()
    assert rotate_data_key(unlocking) == 1
    assert revealed(unlocking, TESTNET) == KEY
    with pytest.raises(KeystoreError, match="wrong passphrase, or"):
        early.slots()


def test_a_backup_opens_with_the_same_passphrase(unlocking: Unlocking, tmp_path: Path) -> None:
    add_key(unlocking, TESTNET, stdin=io.StringIO(LINES))
    assert back_up_keys(unlocking, tmp_path / "backup") == 1
    restored = tmp_path / "restored" / "keystore"
    restored.mkdir(parents=True, mode=0o700)
    (tmp_path / "backup").rename(restored / "keystore.json")
    elsewhere = replace(unlocking, folder=restored)
    assert revealed(elsewhere, TESTNET) == KEY


def test_what_changes_a_keystore_and_who_opens_it_is_in_the_audit_log(
    unlocking: Unlocking, tmp_path: Path
) -> None:
    audit = AuditLog(tmp_path / "logs", lambda: 1_795_000_000_000)
    told = replace(unlocking, audit=audit)
    add_key(told, TESTNET, stdin=io.StringIO(LINES))
    rotate_key(told, TESTNET, stdin=io.StringIO("key-new\nsecret-new\n"))
    rotate_data_key(told)
    back_up_keys(told, tmp_path / "backup")
    change_passphrase(told, private_file(tmp_path / "new", "another horse"))
    with pytest.raises(KeystoreError, match="wrong passphrase"):
        told.open()
    renewed = replace(told, passphrase_file=tmp_path / "new")
    remove_key(renewed, TESTNET, confirm=TESTNET.name)
    entries = audit.entries()
    kinds = " ".join(entry.kind for entry in entries)
    assert kinds == (
        "unlocked key_added unlocked key_changed unlocked data_key_rotated unlocked"
        " backup_exported unlocked passphrase_changed unlock_failed unlocked key_removed"
    )
    assert entries[1].details == {"key": "binance/testnet/main", "checked": False}
    assert entries[7].details == {"file": str(tmp_path / "backup"), "keys": 1}
    lines = audit.path.read_text()
    assert not any(word in lines for word in ("7f3a9c", "51b2e8", "key-new", WORD, "another"))


def test_the_owner_is_told_of_a_wait(unlocking: Unlocking) -> None:
    told = list[int]()
    (unlocking.folder / FAILURES_NAME).touch(mode=0o600)
    kept = {"count": 3, "last_at_ms": 1_000}
    (unlocking.folder / FAILURES_NAME).write_text(json.dumps(kept))
    replace(unlocking, on_wait=told.append, clock=VirtualClock(2_000)).open()
    assert told == [3]


def test_the_new_passphrase_must_be_another_one(unlocking: Unlocking, tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match=r"^the new passphrase is the old one$"):
        change_passphrase(unlocking, private_file(tmp_path / "new", WORD))


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
