"""Files that must be whole, durable and private: written atomically, read with ssh's suspicion."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tradebot.errors import KeystoreError

_PRIVATE_SIZE_MAX = 1 << 20


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data` so that a crash leaves the old file or the new one, never a part.

    Raises OSError; the old file is then untouched and nothing else is left behind.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


def write_once(path: Path, data: bytes) -> None:
    """Make a file of mode 0600 that holds `data`, where there is none.

    Raises OSError, FileExistsError among them; there is then no new file.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise
    sync_folder(path.parent)


@contextmanager
def alone(lock: Path, *, wait_seconds: int) -> Iterator[None]:
    """Keep two processes that change the same file from losing each other's work.

    Raises KeystoreError when another one does not let go of `lock` in that time.
    """
    held = FileLock(lock, timeout=wait_seconds, mode=0o600)
    try:
        held.acquire()
    except Timeout:
        raise KeystoreError(
            f"another process has held {lock} for {wait_seconds} s", "let it finish, then try again"
        ) from None
    except OSError as error:
        raise unwritable(lock.parent, error) from None
    try:
        yield
    finally:
        held.release()


def unwritable(path: Path, error: OSError) -> KeystoreError:
    """Return the refusal of a disk in words."""
    return KeystoreError(
        f"{path} cannot be written: {error.strerror}", "nothing was saved; free or unlock the disk"
    )


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` survive a power loss. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_private(path: Path, *, forbidden_mode: int = 0o077) -> bytes:
    """Return a secret file's bytes, refused unless it is ours alone.

    Raises FileNotFoundError when absent, KeystoreError for a symlink, a foreign owner, a
    permission bit in `forbidden_mode`, or more than 1 MiB.
    """
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            raise KeystoreError(
                f"{path} is a symbolic link", "put the file itself there; links are not followed"
            ) from None
        raise KeystoreError(f"{path} cannot be read: {error.strerror}") from None
    try:
        _check_private_file(path, os.fstat(handle), forbidden_mode)
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(_PRIVATE_SIZE_MAX + 1)
    finally:
        os.close(handle)
    if len(data) > _PRIVATE_SIZE_MAX:
        raise KeystoreError(f"{path} is larger than 1 MiB, so it is not what it should be")
    return data


def _check_private_file(path: Path, found: os.stat_result, forbidden_mode: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeystoreError(f"{path} is not a regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise KeystoreError(
            f"{path} belongs to user {found.st_uid}, not to you ({os.geteuid()})",
            f"chown {os.geteuid()} {path}",
        )
    if found.st_mode & forbidden_mode:
        raise KeystoreError(
            f"permissions {stat.S_IMODE(found.st_mode):04o} of {path} are too open",
            f"chmod 600 {path}",
        )


def check_private_folder(folder: Path) -> None:
    """Refuse a folder that others can read or change, or reach through a parent they can change.

    Raises KeystoreError, with the chmod that mends it as the hint.
    """
    try:
        found = folder.lstat()
    except FileNotFoundError:
        raise KeystoreError(f"{folder} does not exist") from None
    except OSError as error:
        raise KeystoreError(f"{folder} cannot be read: {error.strerror}") from None
    if stat.S_ISLNK(found.st_mode):
        raise KeystoreError(
            f"{folder} is a symbolic link", "put the folder itself there; links are not followed"
        )
    if not stat.S_ISDIR(found.st_mode):
        raise KeystoreError(f"{folder} is not a folder")
    if found.st_uid != os.geteuid():
        raise KeystoreError(
            f"{folder} belongs to user {found.st_uid}, not to you ({os.geteuid()})",
            f"chown {os.geteuid()} {folder}",
        )
    if found.st_mode & 0o077:
        raise KeystoreError(
            f"permissions {stat.S_IMODE(found.st_mode):04o} of {folder} are too open",
            f"chmod 700 {folder}",
        )
    _check_parents(folder.resolve())


def _check_parents(folder: Path) -> None:
    # The owner of / is root, or whoever stands for root in a container.
    trusted = {os.geteuid(), 0, Path("/").stat().st_uid}
    for parent in folder.parents:
        found = parent.stat()
        if found.st_uid not in trusted:
            raise KeystoreError(
                f"{parent}, above {folder}, belongs to user {found.st_uid}, who could replace it",
                "move the keystore, or set [paths] keystore to a folder of your own",
            )
        # In a sticky folder such as /tmp nobody can rename what is not theirs.
        if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
            raise KeystoreError(
                f"permissions {stat.S_IMODE(found.st_mode):04o} of {parent}, above {folder},"
                " let others replace it",
                f"chmod go-w {parent}",
            )
