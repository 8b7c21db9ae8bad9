"""Secrets: a type that does not show them, a filter that takes them out of text, and plain text.

Law: a secret leaves its `Secret` only through `reveal`, to be handed to a library that needs it.
"""

import base64
import hmac
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn
from weakref import WeakValueDictionary

MASK: Final = "***"
# Shorter texts occur by chance in every line; the keystore refuses secrets that short.
SECRET_LENGTH_MIN: Final = 6
# The first and the last line of a PEM file say nothing; those of its key are this long.
_LINE_LENGTH_MIN: Final = 12


class Secret:
    """A text that repr, str, format, json, pickle and copy do not show; equal in constant time."""

    __slots__ = ("__weakref__", "_text")
    _text: str
    __hash__ = None  # type: ignore[assignment]  # a hash would be a second way to compare

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)
        _living[id(self)] = self

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


# What lives, and no longer: a passphrase is not to be kept for the sake of masking it.
_living: Final = WeakValueDictionary[int, Secret]()

# An optional quote, itself escaped any number of times when JSON holds JSON.
_QUOTE = r"""(?:\\*["'])?"""
_BYTES = r"""(?:b(?=\\*["']))?"""
_VALUE = r"""[^\s"'\\,;&<>(){}\[\]]+"""
_HEADERS = (
    "x-mbx-apikey|(?:[a-z]+-)*(?:access|api)-(?:[a-z]+-)?(?:key|sign|passphrase)"
    "|x-bapi-sign|(?:proxy-)?authorization"
)
_FIELDS = "api_?key|secret|password|passphrase|private_?key|sign|(?:access_?)?token"
_PEM_END = r"-----END [A-Z ]*PRIVATE KEY-----"
_PATTERNS: Final = tuple(
    re.compile(text, re.IGNORECASE)
    for text in (
        rf"(\bsignature{_QUOTE}\s*(?:[=:,]|%3d)\s*{_BYTES}{_QUOTE}){_VALUE}",
        rf"(\b(?:{_HEADERS}){_QUOTE}\s*[=:,]\s*{_BYTES}{_QUOTE}(?:(?:bearer|basic|token)\s+)?){_VALUE}",
        # A field of JSON or of a repr, and one of a query.
        rf"""(["'](?:{_FIELDS}){_QUOTE}\s*:\s*{_BYTES}{_QUOTE}){_VALUE}""",
        rf"([?&](?:{_FIELDS}|key|sig|auth)=){_VALUE}",
        r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/%.+-]+",
        # urllib3 names the host and the path apart.
        r"(/services/)T\w+/B\w+/\w+",
        r"(/webhooks/)\d+/[\w-]+",
        r"(/webhookb?2?/)[\w@-]+/[\w/@-]+",
        r"(/hooks/)[\w-]{16,}",
        r"(/bot)\d+(?::|%3a)[\w-]+",
        r"(\b)\d{8,10}(?::|%3a)[\w-]{35}\b",
        r"(://[^\s/:@]+:)[^\s/@]+(?=@)",
        r"(\b)eyJ[\w-]+\.[\w-]+\.[\w-]+",
        rf"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*(?={_PEM_END})",
    )
)


class Redactor:
    """Takes the registered secrets, however encoded, and things shaped like secrets out of a text.

    Call it with a text to get the text without them. Safe to use from several threads.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        # What finds a text -> how long the text is.
        self._patterns: dict[str, int] = {}
        self._known: re.Pattern[str] | None = None
        self.register(*secrets)

    def register(self, *secrets: Secret) -> None:
        """Mask these from now on, but for texts under 6 characters: they are in every line."""
        patterns = dict(self._patterns)
        for secret in secrets:
            for text in _parts(secret.reveal()):
                for pattern in _patterns_of(text):
                    patterns[pattern] = len(text)
        self._patterns = patterns
        if patterns:
            # Longest first: what holds something else must go as a whole.
            ordered = sorted(patterns, key=lambda each: (-patterns[each], -len(each), each))
            self._known = re.compile("|".join(ordered))

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{MASK}", text)
        return text


def redacted_by_living(text: str) -> str:
    """Return `text` without any secret that this process holds now: for what a crash prints."""
    return Redactor(list(_living.values()))(text)


def _parts(text: str) -> Iterator[str]:
    """Yield the text and, as tracebacks print lines apart, each long line of it."""
    yield text
    yield from (line for line in text.splitlines() if len(line) >= _LINE_LENGTH_MIN)


def _patterns_of(text: str) -> set[str]:
    """Return what finds `text` in all its spellings."""
    if len(text) < SECRET_LENGTH_MIN:
        return set()
    # What is percent-encoded is a library's taste, and so is how often.
    percent = "".join(map(_percent_pattern, text))
    return {percent, *map(re.escape, _encodings(text))}


def _percent_pattern(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    coded = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in _bytes(char))
    plus = r"|\+" if char == " " else ""
    return f"(?:{re.escape(char)}|{coded}{plus})"


def _encodings(text: str) -> set[str]:
    data = _bytes(text)
    # Beside a double quote a repr escapes the single ones.
    among = {repr(text + "'\"")[1:-4], repr(data + b"'\"")[2:-4]}
    plain = {text, repr(text)[1:-1], repr(data)[2:-1], html.escape(text), *among}
    plain |= {json.dumps(text, ensure_ascii=False)[1:-1]}
    # A repr or a JSON text inside JSON is escaped once more, and a log line is JSON itself.
    for _ in range(3):
        plain |= {json.dumps(form)[1:-1] for form in plain}
    return plain | {data.hex(), data.hex().upper()} | _base64_forms(data)


def _base64_forms(data: bytes) -> set[str]:
    """Return what base64 shows of `data` at each of its three positions in a longer text."""
    forms = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms.add(encode(data).decode())
        for offset in range(3):
            coded = encode(bytes(offset) + data).decode()
            # First and last characters also carry bits of the neighbours, so they are not ours.
            forms.add(coded[-(-8 * offset // 6) : 8 * (offset + len(data)) // 6])
    return forms


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# CSI and OSC sequences of terminals, in their 7-bit and 8-bit forms.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]P^_X]|[\x9d\x90])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
_SPACES = re.compile(r"[\s\x85\u2028\u2029]+")


def plain_text(text: str, *, length_max: int = 3000) -> str:
    """Return `text` on one line without escape sequences, control or invisible characters."""
    text = _SPACES.sub(" ", _ESCAPES.sub("", text))
    kept = "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
    kept = kept.strip()
    return kept if len(kept) <= length_max else kept[: length_max - 6] + " [cut]"
