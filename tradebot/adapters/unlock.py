"""The keystore's passphrase: where it comes from on a server that restarts by itself.

Law: never from the command line, which every user sees; from the environment, which a crash report
shows, only where that was asked for by a name that says so.
"""

import getpass
import importlib
import os
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tradebot.adapters.files import read_private
from tradebot.adapters.redact import Secret
from tradebot.errors import KeystoreError

CREDENTIAL_NAME: Final = "keystore_passphrase"
VARIABLE: Final = "TRADEBOT_KEYSTORE_PASSPHRASE"
# Under this name and the keystore's folder the system keyring has the passphrase.
KEYRING_SERVICE: Final = "tradebot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What may give the passphrase besides systemd and a person.

    A `key_file` in the folder above `keystore` is refused: who copies the project would have both
    halves.
    """

    keystore: Path
    key_file: Path | None = None
    has_keyring: bool = False
    has_insecure_env: bool = False


def keystore_passphrase(
    ways: Ways,
    *,
    is_new: bool = False,
    environ: MutableMapping[str, str] | None = None,
    ask: Callable[[str], str] | None = None,
) -> Secret:
    """Return the passphrase: of systemd, a file, a person, the keyring, the environment, in turn.

    With `is_new` the prompt asks twice. `ask` stands for the prompt; None takes the terminal's,
    where there is one; nothing typed there means the next way. Raises KeystoreError that names the
    ways.
    """
    environ = environ if environ is not None else os.environ
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        credential = Path(folder) / CREDENTIAL_NAME
        if os.path.lexists(credential):
            # systemd may grant the unit's user by an access list, which shows as group bits.
            return _text_of(credential, forbidden_mode=0o007)
    if ways.key_file is not None:
        _refuse_inside(ways.key_file, ways.keystore.absolute().parent)
        return _text_of(ways.key_file, forbidden_mode=0o077)
    if ask is None and sys.stdin is not None and sys.stdin.isatty():
        ask = getpass.getpass
    has_more = ways.has_keyring or ways.has_insecure_env
    typed = None if ask is None else _typed(ask, is_new=is_new)
    if typed is not None and (typed.reveal() or not has_more):
        return typed
    if not has_more:
        raise KeystoreError(
            "the keystore is locked, and there is no terminal to ask for its passphrase on",
            f"give --passphrase-file FILE, or systemd's LoadCredential={CREDENTIAL_NAME}:FILE",
        )
    found = _of_keyring(ways) if ways.has_keyring else None
    return found if found is not None else _of_environment(environ)


def _typed(ask: Callable[[str], str], *, is_new: bool) -> Secret:
    if not is_new:
        return Secret(ask("Keystore passphrase: "))
    first = Secret(ask("New keystore passphrase: "))
    if first.reveal() and first != Secret(ask("The same again: ")):
        raise KeystoreError("the two passphrases differ", "nothing was saved; try again")
    return first


def _of_keyring(ways: Ways) -> Secret | None:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise KeystoreError(
            "the system keyring is asked for, but the package for it is not installed",
            "pip install 'tradebot[keyring]', or set keyring = false in [unlock]",
        ) from None
    name = str(ways.keystore.absolute())
    try:
        found = keyring.get_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise KeystoreError(
            f"the system keyring does not answer: {type(error).__name__}",
            "unlock it, or use --passphrase-file FILE",
        ) from None
    if found is None and not ways.has_insecure_env:
        raise KeystoreError(
            "the system keyring has no passphrase for this keystore",
            f"keyring set {KEYRING_SERVICE} {name}",
        )
    return None if found is None else Secret(found)


def _of_environment(environ: MutableMapping[str, str]) -> Secret:
    # Children do not get it; what the system keeps of the start, /proc/PID/environ, stays.
    found = environ.pop(VARIABLE, "")
    if not found:
        raise KeystoreError(
            f"--insecure-env is given, but {VARIABLE} is not set", "set it, or use another way"
        )
    return Secret(found)


def _refuse_inside(key_file: Path, project_folder: Path) -> None:
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
