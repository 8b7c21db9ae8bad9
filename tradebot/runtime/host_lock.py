"""One bot an account on this host: a lock that all project folders of a user share.

Law: nothing of the key can be read from it; where there is no place for it, the run's own lock is
all there is, and that is said.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tradebot.errors import AccountLocked


def locks_folder(environ: Mapping[str, str]) -> Path:
    """Return where this user's locks lie. Raises RuntimeError where the user has no home."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    root = state if state.is_absolute() else Path.home() / ".local" / "state"
    return root / "tradebot" / "locks"


@contextmanager
def account_lock(
    exchange: str, mode: str, api_key: str, *, environ: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Hold an account for this process; yield why it cannot be held, "" where it is.

    Raises AccountLocked where another process of this user holds it.
    """
    name = hashlib.sha256(f"{exchange}|{mode}|{api_key}".encode()).hexdigest()
    try:
        folder = locks_folder(os.environ if environ is None else environ)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / name, timeout=0)
        holder = folder / f"{name}.pid"
        lock.acquire()
    except Timeout:
        raise _locked(holder) from None
    except (OSError, RuntimeError) as error:
        yield f"no lock for all folders of this user: {error}"
        return
    try:
        # For people only: the lock is the kernel's.
        with suppress(OSError):
            holder.write_text(f"{os.getpid()}\n", encoding="ascii")
        yield ""
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _locked(holder: Path) -> AccountLocked:
    try:
        who = f"another tradebot, process {int(holder.read_text(encoding='ascii'))},"
    except (OSError, ValueError):
        who = "another tradebot"
    return AccountLocked(
        f"{who} trades this account on this host",
        hint="stop it first: one bot an account, from whatever folder",
    )
