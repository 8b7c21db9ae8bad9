"""`tradebot keys`: credentials of exchanges and alert channels, in the encrypted keystore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradebot.cli import choices
from tradebot.cli.unlocking import unlocking

if TYPE_CHECKING:
    from tradebot.adapters.keystore_file import KeyCheck
    from tradebot.runtime.key_asking import Checked
    from tradebot.runtime.keys import Check, Saved, Unlocking

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keys: add, list, check, rotate, remove, passphrase, export-backup.",
)

SCHEMA = "tradebot.keys/1"

Name = Annotated[
    str, typer.Argument(help="An exchange such as binance, or slack, telegram, email.")
]
Testnet = Annotated[bool, typer.Option("--testnet", help="The key is for the test network.")]
Live = Annotated[bool, typer.Option("--live", help="The key is for real money.")]
Account = Annotated[str, typer.Option(help="Your name for the account at the exchange.")]
Stdin = Annotated[
    bool, typer.Option("--stdin", help="Read the fields from standard input, a line each.")
]
KeyFile = Annotated[
    Path | None, typer.Option(help="Read the fields from a 0600 file: lines, or JSON.")
]
NoCheck = Annotated[
    bool, typer.Option("--no-check", help="Save it unchecked, without asking the exchange.")
]


@app.command()
def add(
    name: Name,
    testnet: Testnet = False,
    live: Live = False,
    account: Account = "main",
    stdin: Stdin = False,
    key_file: KeyFile = None,
    no_check: NoCheck = False,
    passphrase_file: choices.PassphraseFile = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Save a key. Secrets come by prompt, --stdin or --key-file, never as an option.

    The exchange is asked what it may do: one that may withdraw or transfer is not saved.

    The fields, in order: api_key, secret (and passphrase, where the exchange has one); slack:
    webhook_url; telegram: bot_token, chat_id; email: host, port, security (starttls, tls or none),
    username, password, sender, recipients (separated by commas). A secret in PEM may have several
    lines.
    """
    from tradebot.cli.prompt import standard_input
    from tradebot.runtime.keys import add_key, slot_for

    slot = slot_for(name, testnet=testnet, live=live, account=account)
    opening = _unlocking(config, passphrase_file)
    check = _asking(config, no_check)
    saved = add_key(opening, slot, stdin=standard_input(stdin), key_file=key_file, check=check)
    _tell(saved, opening, as_json)


@app.command("list")
def list_(config: choices.ConfigFile = None, as_json: choices.Json = False) -> None:
    """Show which keys there are; this needs no passphrase and shows no secret."""
    from tradebot.adapters.keystore_file import key_checks, keystore_exists
    from tradebot.cli.output import emit, table
    from tradebot.runtime.config import load_config

    folder = load_config(config).paths.keystore
    checks = key_checks(folder) if keystore_exists(folder) else {}
    rows = [[name, _checked(name, check)] for name, check in checks.items()]
    values = {name: _json(check) for name, check in checks.items()}
    result = {"schema": SCHEMA, "keys": list(checks), "checks": values}
    emit(result, table(rows, ["KEY", "CHECKED"]), as_json)


@app.command("check")
def check_(
    name: Annotated[
        str | None, typer.Argument(help="An exchange such as binance; all keys without it.")
    ] = None,
    testnet: Testnet = False,
    live: Live = False,
    account: Account = "main",
    passphrase_file: choices.PassphraseFile = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Ask the exchange what a key may do, and keep what it tells.

    Exit 4 where a key may not be used, 5 where its exchange cannot be asked.
    """
    from tradebot.cli.output import emit, note, table
    from tradebot.runtime.config import load_config
    from tradebot.runtime.key_asking import check_keys
    from tradebot.runtime.keys import slot_for

    slot = None if name is None else slot_for(name, testnet=testnet, live=live, account=account)
    found = load_config(config)
    asked = check_keys(found, unlocking(found, passphrase_file).open(), slot)
    rows = [[each.slot.name, each.verdict, each.words] for each in asked]
    result = {"schema": SCHEMA, "keys": [_answer(each) for each in asked]}
    emit(result, table(rows, ["KEY", "VERDICT", "WHAT"]), as_json)
    for each in asked:
        if each.remedy:
            note(f"{each.slot.name}: {each.remedy}.")
    raise typer.Exit(min((each.exit_code for each in asked if each.exit_code), default=0))


@app.command()
def rotate(
    name: Annotated[
        str | None, typer.Argument(help="An exchange or channel whose key is replaced.")
    ] = None,
    data_key: Annotated[
        bool, typer.Option("--data-key", help="Encrypt all keys anew instead; they stay.")
    ] = False,
    testnet: Testnet = False,
    live: Live = False,
    account: Account = "main",
    stdin: Stdin = False,
    key_file: KeyFile = None,
    no_check: NoCheck = False,
    passphrase_file: choices.PassphraseFile = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Put another key in the place of NAME's, as `add` takes it; the old one stays until then.

    With --data-key the keys stay and the keystore is encrypted anew, under the same passphrase:
    for when a copy of it, and what opened that, may be in other hands.
    """
    from tradebot.cli.output import emit
    from tradebot.cli.prompt import standard_input
    from tradebot.runtime.keys import rotate_data_key, rotate_key, slot_for

    _check_rotation(name, is_data_key=data_key)
    opening = _unlocking(config, passphrase_file)
    if name is None:
        count = rotate_data_key(opening)
        emit({"schema": SCHEMA, "encrypted_anew": count}, f"Encrypted anew: {count} keys", as_json)
        return
    slot = slot_for(name, testnet=testnet, live=live, account=account)
    check = _asking(config, no_check)
    saved = rotate_key(opening, slot, stdin=standard_input(stdin), key_file=key_file, check=check)
    _tell(saved, opening, as_json)


@app.command()
def remove(
    name: Name,
    testnet: Testnet = False,
    live: Live = False,
    account: Account = "main",
    confirm: Annotated[
        str | None, typer.Option(help="The key's full name, such as binance/live/main.")
    ] = None,
    passphrase_file: choices.PassphraseFile = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Take a key out of the keystore; keystore.json.bak keeps it until the next change."""
    from tradebot.cli.output import emit
    from tradebot.runtime.keys import remove_key, slot_for

    slot = slot_for(name, testnet=testnet, live=live, account=account)
    removed = remove_key(_unlocking(config, passphrase_file), slot, confirm=confirm)
    emit({"schema": SCHEMA, "removed": removed}, f"Removed {removed}", as_json)


@app.command()
def passphrase(
    passphrase_file: choices.PassphraseFile = None,
    new_passphrase_file: Annotated[
        Path | None, typer.Option(help="A 0600 file, outside the project, with the new one.")
    ] = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Change the keystore's passphrase; the old one then opens nothing."""
    from tradebot.cli.output import emit
    from tradebot.runtime.keys import change_passphrase

    change_passphrase(_unlocking(config, passphrase_file), new_passphrase_file)
    emit({"schema": SCHEMA, "passphrase": "changed"}, "The passphrase is changed", as_json)


@app.command("export-backup")
def export_backup(
    file: Annotated[Path, typer.Argument(help="A new file, best on another disk.")],
    passphrase_file: choices.PassphraseFile = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Copy the keystore, encrypted as it is, once every key in it was opened.

    The same passphrase opens it. To restore it, copy it to keystore/keystore.json, mode 0600.
    """
    from tradebot.cli.output import emit
    from tradebot.runtime.keys import back_up_keys

    count = back_up_keys(_unlocking(config, passphrase_file), file)
    result = {"schema": SCHEMA, "backup": str(file), "keys": count}
    emit(result, f"{file}: {count} keys, verified", as_json)


def _unlocking(config: Path | None, passphrase_file: Path | None) -> Unlocking:
    from tradebot.runtime.config import load_config

    return unlocking(load_config(config), passphrase_file)


def _asking(config: Path | None, no_check: bool) -> Check | None:
    """Return who asks the exchange about a key before it is saved; None = nobody."""
    from tradebot.cli.output import note
    from tradebot.runtime.config import load_config
    from tradebot.runtime.key_asking import checker

    return None if no_check else checker(load_config(config), note)


def _check_rotation(name: str | None, *, is_data_key: bool) -> None:
    from tradebot.errors import UsageError

    if (name is None) is not is_data_key:
        raise UsageError(
            "what is to be rotated?", "name a key, or give --data-key, which is for all of them"
        )


def _tell(saved: Saved, opening: Unlocking, as_json: bool) -> None:
    from tradebot.cli.output import emit, note

    is_checked = saved.check is not None
    emit(
        {"schema": SCHEMA, "saved": saved.slot, "checked": is_checked},
        f"Saved {saved.slot}",
        as_json,
    )
    if not is_checked:
        is_alert = saved.slot.startswith("alerts/")
        way = "try `tradebot alerts test`." if is_alert else "give it no right to withdraw."
        note(f"Encrypted in {opening.folder}. It was not checked: {way}")


def _answer(checked: Checked) -> dict[str, Any]:
    answer = checked.answer
    rights = ("may_trade", "may_withdraw", "may_transfer", "ip_restricted")
    return {
        "key": checked.slot.name,
        "usable": not checked.exit_code,
        "checked": answer is not None and answer.told.checked,
        **{name: None if answer is None else getattr(answer.told, name) for name in rights},
        "message": checked.words,
    }


def _checked(name: str, check: KeyCheck | None) -> str:
    from tradebot.model.timeframe import format_time

    if check is None:
        return "by `tradebot alerts test`" if name.startswith("alerts/") else "no"
    answers = {
        "trade": check.may_trade,
        "withdraw": check.may_withdraw,
        "transfer": check.may_transfer,
        "listed addresses only": check.ip_restricted,
    }
    words = {True: "yes", False: "no", None: "not told"}
    told = ", ".join(f"{what} {words[answer]}" for what, answer in answers.items())
    return f"{format_time(check.checked_at_ms)}: {told}"


def _json(check: KeyCheck | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    return None if check is None else asdict(check)
