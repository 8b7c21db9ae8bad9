"""What a client is told instead of the truth: errors, rubbish and refusals, as Binance words them.

Source: Binance spot API, "Error Codes" and "HTTP Return Codes".
"""

from __future__ import annotations

from collections.abc import Mapping

from tradebot.sandbox.book import INSUFFICIENT
from tradebot.sandbox.endpoints import Written, error_text
from tradebot.sandbox.faults_plan import INSUFFICIENT_BALANCE, Details
from tradebot.sandbox.rules_wire import WEIGHT_LIMIT

_HTML = {"Content-Type": "text/html; charset=utf-8"}
_GARBAGE = "<html><body>Welcome to the hotel's network</body></html>"
_ERRORS: Mapping[str, tuple[int, str]] = {
    "500": (
        500,
        error_text(
            -1006,
            "An unexpected response was received from the message bus. Execution status unknown.",
        ),
    ),
    "502": (502, "<html><body>Bad Gateway</body></html>"),
    "503": (
        503,
        error_text(
            -1007,
            "Timeout waiting for response from backend server. "
            "Send status unknown; execution status unknown.",
        ),
    ),
    "504": (504, "<html><body>Gateway Time-out</body></html>"),
}
# During an outage nothing behind the gateway answers, so there is no code.
_OUTAGE = (503, "<html><body>Service Temporarily Unavailable</body></html>")


def instead(fault: str, details: Details, real: Written | None, weight: int) -> Written | None:
    """Return what is answered instead of `real`; None where the connection ends without a word."""
    if fault in ("error_before", "error_after"):
        return _written(*_ERRORS[details.answer], weight)
    if fault == "limit":
        text = f"Too much request weight used; current limit is {WEIGHT_LIMIT} per 1 MINUTE."
        return Written(429, error_text(-1003, text), weight, _retry_after(details.retry_after_ms))
    if fault == "skew":
        text = "Timestamp for this request is outside of the recvWindow."
        return Written(400, error_text(-1021, text), weight)
    if fault == "filter":
        code, text = -1013, f"Filter failure: {details.filter}"
        if details.filter == INSUFFICIENT_BALANCE:
            code, text = INSUFFICIENT
        return Written(400, error_text(code, text), weight)
    if fault == "garbage":
        return Written(200, _GARBAGE, weight, _HTML)
    if fault == "truncated":
        assert real is not None, "there is an answer to cut"
        return Written(200, real.text[: len(real.text) // 2], weight)
    if fault == "empty":
        return Written(200, "", weight)
    assert fault in ("drop_before", "drop_after"), fault
    return None


def banned(until: int, now: int, weight: int) -> Written:
    """Return the answer to every request while the address is banned."""
    text = f"Way too much request weight used; IP banned until {until}."
    return Written(418, error_text(-1003, text), weight, _retry_after(until - now))


def out_of_reach(answer: str, weight: int) -> Written | None:
    """Return what the gateway of an exchange that is down answers; None where nothing does."""
    if answer == "drop":
        return None
    return _written(*(_OUTAGE if answer == "503" else _ERRORS[answer]), weight)


def _retry_after(milliseconds: int) -> Mapping[str, str]:
    """Return the header that says how many whole seconds to wait, never too few."""
    return {"Retry-After": str(-(-milliseconds // 1000))}


def _written(status: int, text: str, weight: int) -> Written:
    return Written(status, text, weight, {} if text.startswith("{") else _HTML)
