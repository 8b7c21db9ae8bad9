"""The keystore's passphrase: where it comes from on a server that restarts by itself.

Law: never from the command line and never from an environment variable; other users and crash
reports see both.
"""

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tradebot.adapters.files import read_private
from tradebot.adapters.redact import Secret
from tradebot.errors import KeystoreError

CREDENTIAL_NAME: Final = "keystore_passphrase"


def keystore_passphrase(
    *,
    key_file: Path | None = None,
    project_folder: Path | None = None,
    is_new: bool = False,
    environ: Mapping[str, str] | None = None,
    ask: Callable[[str], str] | None = None,
) -> Secret:
    """Return the passphrase: systemd's credential, else `key_file`, else a prompt on a terminal.

    A key file in `project_folder` is refused: who copies the project would have both halves.
    With `is_new` the prompt asks twice. `ask` stands for the prompt; None takes the terminal's,
    where there is one. Raises KeystoreError that names the ways.
    """
    environ = environ if environ is not None else os.environ
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        credential = Path(folder) / CREDENTIAL_NAME
        if os.path.lexists(credential):
            # systemd may grant the unit's user by an access list, which shows as group bits.
            return _text_of(credential, forbidden_mode=0o007)
    if key_file is not None:
        _refuse_inside(key_file, project_folder)
        return _text_of(key_file, forbidden_mode=0o077)
    if ask is None and sys.stdin is not None and sys.stdin.isatty():
        ask = getpass.getpass
    if ask is None:
        raise KeystoreError(
            "the keystore is locked, and there is no terminal to ask for its passphrase on",
            f"give --passphrase-file FILE, or systemd's LoadCredential={CREDENTIAL_NAME}:FILE",
        )
    if not is_new:
        return Secret(ask("Keystore passphrase: "))
    first = Secret(ask("New keystore passphrase: "))
    if first != Secret(ask("The same again: ")):
        raise KeystoreError("the two passphrases differ", "nothing was saved; try again")
    return first


def _refuse_inside(key_file: Path, project_folder: Path | None) -> None:
    if project_folder is None:
        return
    folder = project_folder.resolve()
    # A bare home or / is no project: everything a person has would be inside.
    if folder in (Path("/"), Path.home().resolve()):
        return
    if key_file.resolve().is_relative_to(folder):
        raise KeystoreError(
            f"the passphrase file {key_file} lies in the project {folder}, beside what it opens",
            "keep it elsewhere, for example in /etc/tradebot or ~/.config/tradebot",
        )


def _text_of(path: Path, *, forbidden_mode: int) -> Secret:
    try:
        data = read_private(path, forbidden_mode=forbidden_mode)
    except FileNotFoundError:
        raise KeystoreError(f"there is no passphrase file {path}") from None
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise KeystoreError(f"the passphrase file {path} is not UTF-8 text") from None
    if not text or "\n" in text or "\0" in text:
        raise KeystoreError(f"the passphrase file {path} must hold one line, the passphrase")
    return Secret(text)
