"""A disk without space, or one that lets nothing go, for this process and for a moment."""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Never

import pytest


@contextmanager
def full_disk(size: int = 0) -> Iterator[None]:
    """Let no file grow past so many bytes, as on a full disk: creating and removing work.

    What crosses them is written in part. Never over a whole test: pytest writes its report, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def keep_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be removed: root may remove all there is, so the refusal is put in its way."""

    def refuse(path: Path, missing_ok: bool = False) -> Never:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
