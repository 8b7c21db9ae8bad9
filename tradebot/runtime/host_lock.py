"""One bot an account on this host: a lock that all project folders of a user share.

Law: nothing of the key can be read from it; where there is no place for it, the run's own lock is
all there is, and that is said. Who holds it and from where is for people only: the lock is the
kernel's.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tradebot.errors import AccountLocked

_HOLDER = ".pid"


def locks_folder(environ: Mapping[str, str]) -> Path:
    """Return where this user's locks lie. Raises RuntimeError where the user has no home."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    root = state if state.is_absolute() else Path.home() / ".local" / "state"
    return root / "tradebot" / "locks"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an account: 0 and "" where it does not tell its process, or where its logs are."""

    process: int = 0
    logs: str = ""

    @property
    def text(self) -> str:
        """Who it is, in words."""
        who = f"process {self.process}" if self.process else "a process without its number"
        return f"{who}, with its logs in {self.logs}" if self.logs else who


def bots_at_work(environ: Mapping[str, str] | None = None) -> list[Holder]:
    """Return who holds an account on this host now, of the processes of this user."""
    try:
        folder = locks_folder(os.environ if environ is None else environ)
        locks = sorted(path for path in folder.iterdir() if not path.suffix)
    except (OSError, RuntimeError):
        return []
    return [_told(path.with_suffix(_HOLDER)) for path in locks if _is_held(path)]


def _is_held(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


@contextmanager
def account_lock(
    exchange: str,
    mode: str,
    api_key: str,
    *,
    logs: Path,
    environ: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Hold an account for this process; yield why it cannot be held, "" where it is.

    `logs` tells others from where. Raises AccountLocked where another process of this user holds
    it.
    """
    name = hashlib.sha256(f"{exchange}|{mode}|{api_key}".encode()).hexdigest()
    try:
        folder = locks_folder(os.environ if environ is None else environ)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / name, timeout=0)
        holder = (folder / name).with_suffix(_HOLDER)
        lock.acquire()
    except Timeout:
        raise _locked(holder) from None
    except (OSError, RuntimeError) as error:
        yield f"no lock for all folders of this user: {error}"
        return
    try:
        with suppress(OSError):
            holder.write_text(f"{os.getpid()}\n{logs.absolute()}\n", encoding="utf-8")
        yield ""
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _told(holder: Path) -> Holder:
    try:
        number, _, logs = holder.read_text(encoding="utf-8").partition("\n")
        return Holder(int(number), logs.strip())
    except (OSError, ValueError):
        return Holder()


def _locked(holder: Path) -> AccountLocked:
    told = _told(holder)
    who = f", process {told.process}," if told.process else ""
    where = f", with its logs in {told.logs}" if told.logs else ""
    return AccountLocked(
        f"another tradebot{who} trades this account on this host{where}",
        hint="stop it first: one bot an account, from whatever folder",
    )
