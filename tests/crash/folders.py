"""Where journals die fast: in memory, where the machine offers a folder there.

Law: only for what must survive a process, or is damaged by hand; a death keeps the page cache, so
that a disk would tell nothing more, and would take its time at every sync.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = "/dev/shm"  # noqa: S108  # a folder of our own is made in it


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Yield an empty folder, in memory if it can be, and remove it afterwards."""
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="crash-", dir=where) as folder:
        yield Path(folder)
