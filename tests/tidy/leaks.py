"""Find what looks like a secret in the project's files, and what does not belong into a wheel.

`python -m tests.tidy.leaks WHEEL...` looks through wheels, and ends with 1 where it finds any.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from math import log2
from pathlib import Path
from zipfile import ZipFile

# What our own tests plant to look for it again; nothing made by chance has it in it.
CANARIES = re.compile(r"canary|7f3a9c|0a1b2c|example|abcdefghij", re.IGNORECASE)
# Shorter random texts cannot be told from names; the exchanges' keys are longer.
RANDOM_LENGTH_MIN = 32
# Bits a character: English in camel case has less than 4, random letters and digits of 40 have 4.6.
RANDOM_BITS_MIN = 4.2
_SHAPES = {
    # With its first line on the next line, or in the same one, as JSON has it.
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\+n|\s)*[\w+/=]{40}"),
    "a Slack webhook": re.compile(
        r"hooks\.slack\.com/(?:services|workflows|triggers)/T\w{6,}/\w{6,}/\w{16,}"
    ),
    "a Slack token": re.compile(r"\bxox[abeprs]-[\w-]{10,}"),
    "a Telegram token": re.compile(r"\b\d{8,10}:[\w-]{35}\b"),
    "a Discord webhook": re.compile(r"/api/webhooks/\d{10,}/[\w-]{30,}"),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_\w{36}|github_pat_\w{22,})"),
    "a Google key": re.compile(r"\bAIza[\w-]{35}\b"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a Fernet token": re.compile(r"\bgAAAAA[\w-]{60,}"),
    "a password in an address": re.compile(r"\b[a-z]+://[^\s/:@{}'\"]+:[^\s/:@{}'\"]{6,}@[\w.-]+"),
    "a hex secret": re.compile(
        r"(?i)(?:key|secret|token|passphrase|password)\w*[\"']?\s*[:=]\s*[\"'](?:[0-9a-f]{2}){16,}[\"']"
    ),
}
# Without the signs that part the words of names and paths.
_RUN = re.compile(rf"[A-Za-z0-9+=]{{{RANDOM_LENGTH_MIN},}}")
_IN_WHEEL = re.compile(r"tradebot/(?:[\w/]+\.py|py\.typed|config\.example\.toml)")
_OF_WHEEL = re.compile(r"tradebot-[\w.]+\.dist-info/(?:METADATA|RECORD|WHEEL|entry_points\.txt)")


def leaks(path: str, text: str) -> Iterator[str]:
    """Yield `path:line: what` for everything that looks like a secret and is no canary."""
    for what, shape in (*_SHAPES.items(), ("chance", _RUN)):
        for found in shape.finditer(text):
            if CANARIES.search(found[0]) or (shape is _RUN and not _is_random(found[0])):
                continue
            number = text.count("\n", 0, found.start()) + 1
            # No more of it: what is printed here is a log of somebody's.
            yield f"{path}:{number}: looks like {what}: take it out, and make another one"


def strangers(names: Iterable[str]) -> list[str]:
    """Return the files of a wheel that are neither the program's nor its papers."""
    return [each for each in names if not (_IN_WHEEL.fullmatch(each) or _OF_WHEEL.fullmatch(each))]


def wheel_problems(path: Path) -> Iterator[str]:
    """Yield what a wheel holds and should not."""
    with ZipFile(path) as wheel:
        for name in strangers(wheel.namelist()):
            yield f"{path.name}: {name} does not belong into a wheel"
        for name in wheel.namelist():
            # Its papers list digests, which are random on purpose.
            if not name.endswith("/RECORD"):
                yield from leaks(name, wheel.read(name).decode("utf-8", "replace"))


def _is_random(text: str) -> bool:
    """Whether letters of both cases and digits are mixed as chance does it."""
    kinds = (str.isupper, str.islower, str.isdigit)
    if not all(any(map(kind, text)) for kind in kinds):
        return False
    counts = Counter(text).values()
    return -sum(count / len(text) * log2(count / len(text)) for count in counts) >= RANDOM_BITS_MIN


if __name__ == "__main__":
    problems = [each for name in sys.argv[1:] for each in wheel_problems(Path(name))]
    print(*problems or [f"nothing found in {len(sys.argv) - 1} wheels"], sep="\n")
    sys.exit(1 if problems else 0)
