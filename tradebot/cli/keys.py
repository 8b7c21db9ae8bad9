"""`tradebot keys`: credentials of exchanges and alert channels, in the encrypted keystore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tradebot.runtime.keys import Unlocking

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Keys: add, list, remove, passphrase."
)

SCHEMA = "tradebot.keys/1"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Config = Annotated[Path | None, typer.Option("--config", help="The configuration file.")]
Name = Annotated[str, typer.Argument(help="An exchange such as binance, or slack, or email.")]
Testnet = Annotated[bool, typer.Option("--testnet", help="The key is for the test network.")]
Live = Annotated[bool, typer.Option("--live", help="The key is for real money.")]
Account = Annotated[str, typer.Option(help="Your name for the account at the exchange.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="A 0600 file, outside the project, with the keystore's passphrase."),
]


@app.command()
def add(
    name: Name,
    testnet: Testnet = False,
    live: Live = False,
    account: Account = "main",
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the fields from standard input, a line each.")
    ] = False,
    key_file: Annotated[
        Path | None, typer.Option(help="Read the fields from a 0600 file: lines, or JSON.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Save a key. Secrets come by prompt, --stdin or --key-file, never as an option.

    The fields, in order: api_key, secret (and passphrase, where the exchange has one); slack:
    webhook_url; email: host, port, security (starttls, tls or none), username, password, sender,
    recipients (separated by commas).
    """
    from tradebot.cli.output import emit, note
    from tradebot.cli.prompt import standard_input
    from tradebot.runtime.keys import add_key, slot_for

    slot = slot_for(name, testnet=testnet, live=live, account=account)
    unlocking = _unlocking(config, passphrase_file)
    saved = add_key(unlocking, slot, stdin=standard_input(stdin), key_file=key_file)
    emit({"schema": SCHEMA, "saved": saved, "checked": False}, f"Saved {saved}", as_json)
    note(
        f"Encrypted in {unlocking.folder}. It was not checked: "
        + ("try `tradebot alerts test`." if testnet == live else "give it no right to withdraw.")
    )


@app.command("list")
def list_(config: Config = None, as_json: Json = False) -> None:
    """Show which keys there are; this needs no passphrase and shows no secret."""
    from tradebot.adapters.keystore_file import keystore_exists, slot_names
    from tradebot.cli.output import emit, table

    folder = _unlocking(config, None).folder
    names = slot_names(folder) if keystore_exists(folder) else ()
    rows = [[name] for name in names]
    emit({"schema": SCHEMA, "keys": list(names)}, table(rows, ["KEY"]), as_json)


@app.command()
def remove(
    name: Name,
    testnet: Testnet = False,
    live: Live = False,
    account: Account = "main",
    confirm: Annotated[
        str | None, typer.Option(help="The key's full name, such as binance/live/main.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Take a key out of the keystore; keystore.json.bak keeps it until the next change."""
    from tradebot.cli.output import emit
    from tradebot.runtime.keys import remove_key, slot_for

    slot = slot_for(name, testnet=testnet, live=live, account=account)
    removed = remove_key(_unlocking(config, passphrase_file), slot, confirm=confirm)
    emit({"schema": SCHEMA, "removed": removed}, f"Removed {removed}", as_json)


@app.command()
def passphrase(
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: Annotated[
        Path | None, typer.Option(help="A 0600 file, outside the project, with the new one.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Change the keystore's passphrase; the old one then opens nothing."""
    from tradebot.cli.output import emit
    from tradebot.runtime.keys import change_passphrase

    change_passphrase(_unlocking(config, passphrase_file), new_passphrase_file)
    emit({"schema": SCHEMA, "passphrase": "changed"}, "The passphrase is changed", as_json)


def _unlocking(config: Path | None, passphrase_file: Path | None) -> Unlocking:
    from tradebot.cli.prompt import asker
    from tradebot.runtime.config import load_config
    from tradebot.runtime.keys import Unlocking

    folder = load_config(config).paths.keystore
    return Unlocking(folder=folder, passphrase_file=passphrase_file, ask=asker())
