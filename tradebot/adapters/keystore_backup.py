"""A copy of the keystore for another disk, proved to be whole; its passphrase opens it.

Law: a backup that was not read back is none.
"""

from pathlib import Path

from tradebot.adapters.files import read_private, unwritable, write_once
from tradebot.adapters.keystore import Keystore
from tradebot.errors import KeystoreError


def export_backup(store: Keystore, target: Path) -> int:
    """Copy the keystore to `target`, which must not exist; return how many keys it holds.

    Every key is opened first. Raises KeystoreError; there is then no new file at `target`.
    """
    document = store.proved()
    try:
        write_once(target, document.encode())
    except FileExistsError:
        raise KeystoreError(f"{target} is there already", "name another file") from None
    except OSError as error:
        raise unwritable(target, error) from None
    try:
        if read_private(target) != document.encode():
            raise KeystoreError(f"{target} does not hold what was written", "take another disk")
    except (KeystoreError, OSError):
        target.unlink(missing_ok=True)
        raise
    return len(document.slots)
