"""Who asks, and when: API key, HMAC signature and validity window, as Binance checks them.

Law: time is the sandbox's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from tradebot.sandbox.listing import SandboxRejection
from tradebot.sandbox.parameters import Parameters

RECV_WINDOW = 5000
RECV_WINDOW_MAX = 60_000
AHEAD_MS_MAX = 1000
SIGNED_NAMES = frozenset({"timestamp", "recvWindow", "signature"})

_SIGNATURE = re.compile(r"(^|&)signature=[^&]*")
_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)


class KeyRights(StrEnum):
    """What is told of the key: rights good and bad, then answers that tell nothing."""

    TRADE = "trade"
    READ = "read"
    WITHDRAW = "withdraw"
    TRANSFER = "transfer"
    ANYWHERE = "anywhere"
    PARTIAL = "partial"
    MALFORMED = "malformed"
    FORBIDDEN = "forbidden"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """The one account's key. `is_time_checked` is False where time outruns a client's clock."""

    api_key: str
    secret: str
    is_time_checked: bool = True

    def check(self, api_key: str | None, raw: str, parameters: Parameters, *, now: int) -> None:
        """Refuse a request that this account did not sign or that is out of its time.

        `raw` is query and body exactly as they arrived. Raises SandboxRejection.
        """
        if api_key is None or _KEY.fullmatch(api_key) is None:
            raise SandboxRejection(-2014, "API-key format invalid.")
        if not hmac.compare_digest(api_key, self.api_key):
            raise SandboxRejection(-2015, "Invalid API-key, IP, or permissions for action.")
        sent = parameters.text("signature")
        at = parameters.integer("timestamp")
        expected = sign(self.secret, _SIGNATURE.sub("", raw))
        if not hmac.compare_digest(sent.lower().encode(), expected.encode()):
            raise SandboxRejection(-1022, "Signature for this request is not valid.")
        self._check_time(parameters, at, now)

    def _check_time(self, parameters: Parameters, at: int, now: int) -> None:
        window = RECV_WINDOW
        if parameters.has("recvWindow"):
            window = int(
                parameters.matching("recvWindow", r"^[0-9]{1,5}(\.[0-9]{1,3})?$").partition(".")[0]
            )
        if window > RECV_WINDOW_MAX:
            raise SandboxRejection(-1131, "recvWindow must be less than 60000.")
        if not self.is_time_checked:
            return
        if at >= now + AHEAD_MS_MAX:
            raise SandboxRejection(
                -1021, "Timestamp for this request was 1000ms ahead of the server's time."
            )
        if now - at > window:
            raise SandboxRejection(
                -1021, "Timestamp for this request is outside of the recvWindow."
            )


def sign(secret: str, payload: str) -> str:
    """Return the hex HMAC-SHA256 that Binance asks for over a query or body."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
