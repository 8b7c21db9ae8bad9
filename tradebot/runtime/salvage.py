"""Where a configuration puts the logs, whatever is wrong with the rest of it.

Law: nothing here raises and nothing is waited for: the emergency stop asks before all else.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

DEFAULT_FILE = Path("config.toml")
LOGS, KEYSTORE = Path("logs"), Path("keystore")
# What a text that is no configuration makes the reader of TOML raise.
UNREADABLE = (ValueError, ArithmeticError, RecursionError)
_SIZE_MAX, _LINE_MAX = 1 << 20, 1_000
# Also one that its bracket does not close.
_HEADER = re.compile(r"""\s*\[\s*["']?paths["']?(?![\w.-])""")


def beside(file: Path, path: Path) -> Path:
    """Return a path as the configuration `file` means it: beside that file, where there is one."""
    return file.parent / path if os.path.exists(file) else path


def salvaged_logs(config_file: Path | None) -> Path:
    """Return the logs folder that a configuration sets; the default where it cannot be told."""
    file = config_file or DEFAULT_FILE
    text = _text(file)
    try:
        found = _logs_in(tomllib.loads(text, parse_float=str))
    except UNREADABLE:
        found = _searched(text)
    return beside(file, found or LOGS)


def _text(file: Path) -> str:
    try:
        # A pipe that nobody writes to must not hold up the emergency stop.
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        try:
            is_file = stat.S_ISREG(os.fstat(handle).st_mode)
            data = os.read(handle, _SIZE_MAX) if is_file else b""
        finally:
            os.close(handle)
    except (OSError, ValueError):
        return ""
    return data.decode("utf-8", errors="replace")


def _logs_in(values: dict[str, Any]) -> Path | None:
    paths = values.get("paths")
    logs = paths.get("logs") if isinstance(paths, dict) else None
    # As the configuration refuses them: no folder has such a name.
    is_folder = isinstance(logs, str) and logs.isprintable() and Path(logs) != Path()
    return Path(str(logs)) if is_folder else None


def _searched(text: str) -> Path | None:
    """Return the first logs folder that a line sets, in whatever spelling, under its header."""
    header = ""
    for line in text.splitlines():
        line = line[:_LINE_MAX]
        if line.lstrip().startswith("["):
            header = "[paths]" if _HEADER.match(line) else line
        try:
            found = _logs_in(tomllib.loads(f"{header}\n{line}", parse_float=str))
        except UNREADABLE:
            continue
        if found is not None:
            return found
    return None
