"""Golden events: every kind ever written decodes for ever, to the same bytes and the same state.

`events.jsonl` only ever grows. A new kind adds lines; a new field adds a line that has it, and the
old lines stay without; a changed meaning is a new kind. No line is ever edited.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradebot.engine.apply import apply, fold
from tradebot.engine.state import State
from tradebot.model.account import TradingState
from tradebot.model.codec import decode, encode
from tradebot.model.event import KINDS
from tradebot.model.money import plain
from tradebot.model.order import OrderStatus

LINES = (Path(__file__).parent / "events.jsonl").read_text(encoding="ascii").splitlines()
# The state after all lines. A change here is a change of what journals mean: it must be meant.
STATE_DIGEST = "f81d824a1ef41e0f253e3d38b0f0801cd80776321ea12c36d136607c545cba53"
# The lines up to here were written by the first version, and are never edited.
FIRST_LINES = 38
FIRST_DIGEST = "297be51b26288a532bbb3832da06b2c7d7c94f61e636ca61624ad5e332d8f9cf"

_NO_DEFAULT = object()


def _parts(line: str) -> tuple[str, str]:
    """Return kind and body of a line, the body byte for byte."""
    head, mark, body = line.partition(', "body": ')
    assert mark, line
    return json.loads(head + "}")["kind"], body[:-1]


def _plain(value: Any) -> Any:
    """Return a state as JSON: decimals as text, sets sorted, and only fields with a value.

    A field at its default is left out, so that a new one does not change old digests.
    """
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items(), key=str)}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "_field_defaults"):
        defaults = value._field_defaults
        return {
            name: _plain(held)
            for name, held in value._asdict().items()
            if held != defaults.get(name, _NO_DEFAULT)
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        defaults = _fields(type(value))[1]
        return {
            item.name: _plain(held)
            for item in dataclasses.fields(value)
            if (held := getattr(value, item.name)) != defaults.get(item.name, _NO_DEFAULT)
        }
    return value


def _digest(state: State) -> str:
    text = json.dumps(_plain(state), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _final() -> State:
    return fold(decode(*_parts(line)) for line in LINES)


def test_every_kind_that_can_be_journalled_is_here() -> None:
    assert {_parts(line)[0] for line in LINES} == set(KINDS)


def test_first_lines_are_never_edited() -> None:
    text = "\n".join(LINES[:FIRST_LINES])
    assert hashlib.sha256(text.encode()).hexdigest() == FIRST_DIGEST


@pytest.mark.parametrize("line", LINES, ids=[f"line {n}" for n in range(1, len(LINES) + 1)])
def test_line_comes_out_byte_for_byte(line: str) -> None:
    """Fields that are newer than the line come out too, with their defaults: they do not count."""
    kind, body = _parts(line)
    again = _only_known(json.loads(encode(decode(kind, body))), json.loads(body))
    assert json.dumps(again, sort_keys=True, separators=(",", ":")) == body


def _only_known(value: Any, written: Any) -> Any:
    """Return `value` without the fields that `written` does not have."""
    if isinstance(written, dict):
        return {name: _only_known(value[name], item) for name, item in written.items()}
    if isinstance(written, list):
        assert len(value) == len(written)
        return [_only_known(*pair) for pair in zip(value, written, strict=True)]
    return value


def test_history_replays_to_the_same_state() -> None:
    state = _final()
    assert {coin: plain(held) for coin, held in state.balances.items()} == {
        # 10000 - 0.1 x 20010.02 - 0.02345 x 20011.5 + 0.12332 x 20490 - 1000 x 0.0000001234 - fee
        "USDT": "10056.55500128",
        "BTC": "0.00000655",  # 0.12345 - 0.00012345 - 0.12332
        "BNB": "0.4969",
        "PEPE": "1000",
        "ETH": "0.5",
    }
    assert state.third_fees == {"BNB": Decimal("0.0031")}
    assert state.positions["kraken:PEPE/USDT"].quantity == 400
    assert set(state.locks) == {("kraken:PEPE/USDT", "reconcile")}
    assert set(state.differences.found) == {("coins_more", "ETH")}
    assert state.differences.ignored == {("cash_short", "USDT"): "-100"}
    assert state.trading is TradingState.HALTED
    assert not state.orders.unsettled
    assert [each.status for each in state.orders.settled.values()].count(OrderStatus.FILLED) == 3
    assert _digest(state) == STATE_DIGEST


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_body_without_the_fields_that_have_defaults_still_decodes(kind: str) -> None:
    """A journal written before a field existed is read as if it had the default."""
    line = next(line for line in LINES if _parts(line)[0] == kind)
    body = json.loads(_parts(line)[1])
    required, optional = _fields(KINDS[kind])
    assert required <= body.keys()
    bare = {name: value for name, value in body.items() if name not in optional}
    event = decode(kind, json.dumps(bare))
    for item in dataclasses.fields(event):
        if item.name in optional:
            assert getattr(event, item.name) == optional[item.name], item.name


def test_market_without_its_newer_fields_still_decodes() -> None:
    kind, body = _parts(LINES[0])
    fields = json.loads(body)
    for market in fields["markets"]:
        del market["fee_asset"], market["quantity_max"]
    state = apply(State(), decode(kind, json.dumps(fields)))
    assert [market.quantity_max for market in state.markets.values()] == [None, None]


@pytest.mark.parametrize(
    ("kind", "required"),
    [
        ("session_started", "at balances bot config_hash exchange markets mode strategy"
         " timeframe_ms version"),
        ("session_reconfigured", "at config_hash markets strategy timeframe_ms version"),
        ("journal_moved", "at before instance place"),
        ("candles_closed", "at closed_at closes exposures"),
        ("intent_refused", "at closed_at control leg limit market message quantity side value"),
        ("order_intended", "at closed_at kind leg market order_id quantity reason"
         " reference_price side strategy"),
        ("order_sent", "at order_id"),
        ("order_accepted", "at exchange_id order_id"),
        ("order_rejected", "at code message order_id"),
        ("order_unknown", "at cause order_id"),
        ("fill_booked", "at fill market order_id side"),
        ("cancel_sent", "at order_id reason"),
        ("order_cancelled", "at order_id"),
        ("order_expired", "at order_id"),
        ("order_absent", "at evidence order_id"),
        ("order_dropped", "at order_id reason"),
        ("trading_state_changed", "at reason state"),
        ("market_locked", "at cause market reason"),
        ("market_unlocked", "at cause market reason"),
        ("position_unprotected", "at market reason since"),
        ("position_adjusted", "at before market quantity reason"),
        ("balance_adjusted", "after asset at before reason"),
        ("difference_found", "at exchange journal kind mark subject text"),
        ("difference_resolved", "at how kind mark reason subject"),
    ],
)  # fmt: skip
def test_field_added_to_a_kind_has_a_default(kind: str, required: str) -> None:
    """These are what old journals have: a further field without a default could not read them."""
    assert _fields(KINDS[kind])[0] <= set(required.split())


def _fields(cls: type[Any]) -> tuple[set[str], dict[str, Any]]:
    """Return the required fields of an event, and the others with their defaults."""
    required: set[str] = set()
    optional: dict[str, Any] = {}
    for item in dataclasses.fields(cls):
        if item.default is not dataclasses.MISSING:
            optional[item.name] = item.default
        elif item.default_factory is not dataclasses.MISSING:
            optional[item.name] = item.default_factory()
        else:
            required.add(item.name)
    return required, optional
