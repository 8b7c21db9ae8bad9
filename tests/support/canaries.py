"""Canaries: the credentials that tests use, and a search for them in every byte that comes out.

It shares no code with the redactor: what that one forgets, this one must find.
"""

import base64
import html
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

# What each is used as -> a text that is in every such credential of the suites.
PLANTED: dict[str, str] = {
    "key": "key-7f3a9c",
    "secret": "secret-51b2e8",
    "passphrase": "correct horse",
    "token": "token-7f3a9c",
    "webhook": "canary-7f3a9c",
    "SMTP password": "word-7f3a9c",
}

ENCODINGS: dict[str, Callable[[str], Iterable[str]]] = {
    "raw": lambda text: [text],
    "percent": lambda text: [quote(text, safe=""), quote(text, safe="").replace("%2F", "%2f")],
    "percent plus": lambda text: [quote_plus(text)],
    "percent twice": lambda text: [quote(quote(text, safe=""), safe="")],
    "base64": lambda text: _base64(text, base64.b64encode),
    "base64 for URLs": lambda text: _base64(text, base64.urlsafe_b64encode),
    "hex": lambda text: [text.encode().hex()],
    "HEX": lambda text: [text.encode().hex().upper()],
    "repr": lambda text: [repr(text)[1:-1], repr(text.encode())[2:-1]],
    "JSON": lambda text: [json.dumps(text)[1:-1], json.dumps(json.dumps(text)[1:-1])[1:-1]],
    "HTML": lambda text: [html.escape(text)],
}

# A file of candles, say; nothing of ours writes more of what could hold a secret.
_FILE_SIZE_MAX = 64 << 20


def _base64(text: str, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """Yield what is seen of a text at each of its three places within a longer one."""
    for offset in range(3):
        whole = encode(b"\0" * offset + text.encode()).decode().rstrip("=")
        begin = -(-8 * offset // 6)
        end = 8 * (offset + len(text.encode())) // 6
        yield whole[begin:end]


def _needles() -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for used_as, text in PLANTED.items():
        for name, encode in ENCODINGS.items():
            for form in encode(text):
                found.setdefault(form.encode(), f"{used_as}, {name}")
    return found


_found = _needles()


def plant(used_as: str, text: str) -> None:
    """Search for another credential, too, from now on."""
    PLANTED[used_as] = text
    _found.update(_needles())


def leaks(data: bytes | str) -> list[str]:
    """Return which canaries are in there, and how they are spelled."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return sorted({told for needle, told in _found.items() if needle in raw})


def assert_none_in(data: bytes | str, where: str) -> None:
    """Demand that no canary is in there."""
    found = leaks(data)
    assert not found, f"{where} shows a credential: {'; '.join(found)}"


def leaks_under(folder: Path, inputs: Collection[str] = ()) -> list[str]:
    """Return which files below a folder show a canary, or have one in their name.

    `inputs` are paths of what a test itself wrote: there the credential is meant to be.
    """
    told = []
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            told += [f"the name of {place}/{name}: {each}" for each in leaks(name)]
        for name in files:
            path = Path(place, name)
            if str(path) not in inputs and path.is_file() and not path.is_symlink():
                told += [f"{path}: {each}" for each in leaks(_read(path))]
    return told


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_SIZE_MAX)
    except FileNotFoundError:
        return b""  # A process that a test has left just removed it.


def assert_none_of_process(pid: int, given: Iterable[str] = ()) -> None:
    """Demand that neither command line nor environment of a process shows a canary.

    `given` are variables that a test sets on purpose.
    """
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return  # It has ended, or made itself unreadable, which is what it should do.
    assert_none_in(line, "the command line")
    names = tuple(f"{name}=".encode() for name in given)
    kept = [each for each in variables if not each.startswith(names)] if names else variables
    assert_none_in(b"\0".join(kept), "the environment")
