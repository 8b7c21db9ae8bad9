"""Whether the exchange's class is the installed library's: asked before a key is near it.

Law: a class is believed by the files it comes from, each as the package's own record lists it.
"""

import csv
import hashlib
import site
import sys
import sysconfig
from base64 import urlsafe_b64encode
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType
from typing import Any

from tradebot.errors import NotGenuine

PACKAGE = "ccxt"
HINT = "nothing was given to it; make the virtual environment anew, and unset PYTHONPATH"


def genuine_class(library: ModuleType, name: str) -> Any:
    """Return the library's class of that name. Raises NotGenuine for one from anywhere else."""
    found = getattr(library, name, None)
    if not isinstance(found, type) or found.__name__ != name:
        raise NotGenuine(f"{PACKAGE} has no exchange class {name}", HINT)
    package, recorded = _recorded()
    for each in found.__mro__:
        if each is not object:
            _check_class(each, package, recorded)
    return found


def _check_class(found: type, package: Path, recorded: dict[str, str]) -> None:
    name = f"{found.__module__}.{found.__name__}"
    module = sys.modules.get(found.__module__)
    if module is None or vars(module).get(found.__name__) is not found:
        raise NotGenuine(f"{name} is not what its module says", HINT)
    path = Path(getattr(module, "__file__", None) or "").resolve()
    listed = str(path.relative_to(package)) if path.is_relative_to(package) else ""
    if listed not in recorded:
        raise NotGenuine(
            f"{name} comes from {path}, which is no file of the installed package", HINT
        )
    if recorded[listed] != _digest(path):
        raise NotGenuine(f"{path} is not as it was installed", HINT)


def _recorded() -> tuple[Path, dict[str, str]]:
    """Return where the package is installed, and its files' digests.

    Only in the interpreter's own folders: PYTHONPATH and the current one are anybody's.
    """
    paths = sysconfig.get_paths()
    folders = dict.fromkeys([paths["purelib"], paths["platlib"], *site.getsitepackages()])
    for installed in Distribution.discover(name=PACKAGE, path=list(folders)):
        lines = csv.reader((installed.read_text("RECORD") or "").splitlines())
        digests = {row[0]: row[1] for row in lines if len(row) == 3 and row[1]}
        return Path(str(installed.locate_file(""))).resolve(), digests
    raise NotGenuine(f"{PACKAGE} is not installed in {' or '.join(folders)}", HINT)


def _digest(path: Path) -> str:
    """Return a file's digest as a wheel's record writes it."""
    digest = hashlib.sha256(path.read_bytes()).digest()
    return f"sha256={urlsafe_b64encode(digest).decode().rstrip('=')}"
