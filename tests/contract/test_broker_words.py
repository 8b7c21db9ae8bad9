"""What the broker says of each order, to the word, and as what each of its requests leaves."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_broker_faults import (
    BUY,
    GET,
    NEW,
    OCO,
    OLD,
    POST,
    REPLACE,
    broker_behind_faults,
    stop_behind_faults,
)
from tests.contract.test_broker_faults import _stop as stop_at
from tests.support.builders import approved, d, order
from tests.support.fakes import FakeClock, TokensForAll
from tests.unit.runtime.test_dead_man import exchange_stub, real_broker
from tradebot.adapters import breakers
from tradebot.adapters.breakers import Kind
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import (
    NOT_ATTEMPTED,
    Leg,
    OrderKind,
    OrderStatus,
    Outcome,
    Rejection,
    Report,
    Unknown,
    Unsent,
)

OPEN, DELETE = "GET /api/v3/openOrders", "DELETE /api/v3/order"
UNAPPROVED = "it holds no token of the risk gate"
STOP, HIGHER = stop_at("tb-stop", 90), stop_at("tb-higher", 90)
STOPPED = order("sell 0.5 BTC @ 90", order_id="tb-stop")
TARGET = approved(
    "sell 0.5 BTC @ 110",
    order_id="tb-target",
    kind=OrderKind.LIMIT_MAKER,
    leg=Leg.TARGET,
    price=d(110),
)
INSUFFICIENT = "binance Account has insufficient balance for requested action."
# What of each fault proves nothing, and how that is told.
CAUSES = {
    "odd status": "the answer is empty or broken",
    "garbage": "BadResponse",
    "other": "the answer is of another order",
    "503": "RequestTimeout",
    "duplicate": "InvalidOrder",
    "-9999": "ExchangeError",
}


@pytest.mark.parametrize(("fault", "cause"), CAUSES.items())
def test_order_in_doubt_says_why(fault: str, cause: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[POST] = [fault]
        assert broker.place_order(BUY) == Unknown(order_id="tb-buy", cause=cause)


def test_order_that_was_taken_is_reported_by_its_own_id() -> None:
    with broker_behind_faults() as (broker, _, _):
        placed = broker.place_order(BUY)
        assert isinstance(placed, Report), placed
        assert placed.order_id == "tb-buy"


def test_rejection_is_in_the_exchange_s_words() -> None:
    with broker_behind_faults() as (broker, faults, _):
        for name in (POST, OCO):
            faults.script[name] = ["-2010"]
        said = Rejection(order_id="tb-buy", code="InsufficientFunds", message=INSUFFICIENT)
        assert broker.place_order(BUY) == said
        assert broker.place_oco(STOP, TARGET) == tuple(
            Rejection(order_id=each, code="InsufficientFunds", message=INSUFFICIENT)
            for each in ("tb-stop", "tb-target")
        )


def test_both_legs_of_an_oco_are_reported_open_by_their_numbers() -> None:
    with broker_behind_faults() as (broker, _, _):
        broker.place_order(BUY)
        outcomes = broker.place_oco(STOP, TARGET)
        numbers = {each["clientOrderId"]: each["id"] for each in _listed(broker)}
        assert outcomes == tuple(
            Report(
                order_id=key,
                exchange_id=numbers[key],
                status=OrderStatus.ACCEPTED,
                filled=d(0),
                fills=(),
            )
            for key in ("tb-stop", "tb-target")
        )


def test_both_legs_of_an_oco_in_doubt_say_why() -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[OCO] = ["503"]
        assert broker.place_oco(STOP, TARGET) == (
            Unknown(order_id="tb-stop", cause="RequestTimeout"),
            Unknown(order_id="tb-target", cause="RequestTimeout"),
        )


# --- replacing ----------------------------------------------------------------------------------


def test_each_half_of_a_refused_replacement_is_told_of_its_own_order() -> None:
    not_gone = "the order in its place could not be cancelled"
    expected: dict[str, tuple[Outcome, Outcome]] = {
        "-2022": (
            Rejection(order_id="tb-stop", code="OrderNotFound", message=not_gone),
            Rejection(order_id="tb-higher", code=NOT_ATTEMPTED, message=not_gone),
        ),
        "-2010": (
            Unknown(order_id="tb-stop", cause="InsufficientFunds"),
            Rejection(order_id="tb-higher", code="InsufficientFunds", message=INSUFFICIENT),
        ),
        "503": (
            Unknown(order_id="tb-stop", cause="RequestTimeout"),
            Unknown(order_id="tb-higher", cause="RequestTimeout"),
        ),
    }
    for fault, told in expected.items():
        with stop_behind_faults(fault) as (broker, _, _):
            assert broker.replace_order(OLD, HIGHER) == told


def test_refusal_without_words_is_told_by_the_code_of_the_whole() -> None:
    with stop_behind_faults("-2021 wordless") as (broker, _, _):
        broker.cancel_order(OLD)
        _, placed = broker.replace_order(OLD, HIGHER)
        assert placed == Rejection(order_id="tb-higher", code="-2021", message="")


@pytest.mark.parametrize("fault", ["-2021 odd", "-2022 odd", "-9999 odd"])
def test_half_refusal_of_another_make_proves_nothing(fault: str) -> None:
    with stop_behind_faults(fault) as (broker, _, _):
        gone, placed = broker.replace_order(OLD, HIGHER)
        assert (type(gone), gone.order_id) == (Unknown, "tb-stop")
        assert (type(placed), placed.order_id) == (Unknown, "tb-higher")


def test_old_order_that_cannot_be_asked_about_says_why() -> None:
    with stop_behind_faults() as (broker, faults, _):
        faults.script[GET] = ["-1021"] * 9
        gone, placed = broker.replace_order(OLD, HIGHER)
        cause = "binance cannot be asked for order tb-stop: InvalidNonce"
        assert gone == Unknown(order_id="tb-stop", cause=cause)
        assert placed.order_id == "tb-higher"


def test_only_a_stop_is_replaced() -> None:
    with stop_behind_faults() as (broker, faults, _):
        with pytest.raises(AssertionError, match=r"^only a stop is replaced$"):
            broker.replace_order(OLD, TARGET)
        assert faults.count(REPLACE) == 0


# --- without a token ----------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["tb-stop", "tb-target"])
def test_an_oco_leaves_with_both_tokens_or_not_at_all(missing: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        broker.place_order(BUY)
        broker._tokens = GateTokens()
        for each in (STOP, TARGET):
            if each.order_id != missing:
                broker._tokens.issue(each, now_ms=FakeClock().now_ms())
        assert broker.place_oco(STOP, TARGET) == (
            Unsent(order_id="tb-stop", reason=UNAPPROVED),
            Unsent(order_id="tb-target", reason=UNAPPROVED),
        )
        assert faults.count(OCO) == 0


def test_what_has_no_token_is_told_as_unsent() -> None:
    with stop_behind_faults() as (broker, _, _):
        broker._tokens = GateTokens()
        assert broker.place_order(BUY) == Unsent(order_id="tb-buy", reason=UNAPPROVED)
        assert broker.replace_order(OLD, HIGHER) == (
            Unknown(order_id="tb-stop", cause="nothing was sent"),
            Unsent(order_id="tb-higher", reason=UNAPPROVED),
        )


# --- cancelling ---------------------------------------------------------------------------------


def test_cancel_of_what_is_not_there_is_a_rejection_in_the_exchange_s_words() -> None:
    with broker_behind_faults() as (broker, _, _):
        gone = broker.cancel_order(NEW)
        assert isinstance(gone, Rejection), gone
        assert (gone.order_id, gone.code) == ("tb-higher", "OrderNotFound")
        assert gone.message.startswith('{"code":-2011,')


def test_cancel_in_doubt_says_why() -> None:
    with stop_behind_faults() as (broker, faults, _):
        faults.script[DELETE] = ["503"]
        told = Unknown(order_id="tb-stop", cause="RequestTimeout")
        assert broker.cancel_order(STOPPED) == told


def test_order_that_nobody_knows_after_its_cancel_is_in_doubt() -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[DELETE] = ["garbage"]
        assert broker.cancel_order(NEW) == Unknown(
            order_id="tb-higher", cause="cancelled, then not found"
        )


def _targets(broker: CcxtBroker, *names: str) -> None:
    """Place some orders that rest."""
    broker.place_order(BUY)
    for number, name in enumerate(names):
        placed = broker.place_order(
            approved(
                f"sell 0.1 BTC @ {110 + number}",
                order_id=name,
                kind=OrderKind.LIMIT_MAKER,
                leg=Leg.TARGET,
                price=d(110 + number),
            )
        )
        assert isinstance(placed, Report), placed


@pytest.mark.parametrize("fault", ["503", "garbage"])
def test_own_order_that_cannot_be_cancelled_keeps_no_other(fault: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        _targets(broker, "tb-a", "foreign", "tb-b")
        faults.script[DELETE] = [fault]
        broker.cancel_own()
        assert faults.count(DELETE) == 2, "ours alone, once each"
        assert len(broker.open_order_filled()) == 1
        broker.cancel_own()
        assert broker.open_order_filled() == {}
        assert [each["clientOrderId"] for each in _listed(broker)] == ["foreign"]


def _listed(broker: CcxtBroker) -> list[Any]:
    found: list[Any] = broker._client.call("fetch_open_orders")
    return found


def test_all_that_is_shown_is_cancelled_by_one_request_each() -> None:
    with broker_behind_faults() as (broker, faults, _):
        # The second is another tradebot's: only who asks for those is shown them.
        _targets(broker, "tb-a", "tb00000b-1", "foreign", "tb-b", "tb-c")
        assert set(broker.cancel_shown()) == {"tb-a", "tb-b", "tb-c"}
        assert faults.count(DELETE) == 3
        left = [each["clientOrderId"] for each in _listed(broker)]
        assert left == ["tb00000b-1", "foreign"]
        asks = CcxtBroker(
            broker._client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock(), has_others=True
        )
        assert asks.cancel_shown() == ("tb00000b-1",)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("503", "binance cannot be asked for open orders: RequestTimeout"),
        ("garbage", "binance cannot be asked for open orders: BadResponse"),
    ],
)
@pytest.mark.parametrize("ask", [CcxtBroker.cancel_shown, CcxtBroker.cancel_own])
def test_list_that_cannot_be_had_is_named(
    ask: Callable[[CcxtBroker], object], fault: str, said: str
) -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[OPEN] = [fault] * 9
        with pytest.raises(ExchangeUnavailable, match=f"^{said}$"):
            ask(broker)


def test_list_that_is_none_is_rubbish() -> None:
    said = "^binance answered rubbish when asked for open orders$"
    with broker_behind_faults() as (broker, faults, _):
        faults.script[OPEN] = ["other"]
        with pytest.raises(ExchangeUnavailable, match=said):
            broker.cancel_shown()


# --- as what each request leaves ----------------------------------------------------------------


def _noted(broker: CcxtBroker) -> list[tuple[str, Kind]]:
    """Return the list in which each request from now on is noted, with its kind."""
    raw, seen = broker._client.raw, list[tuple[str, Kind]]()
    fetch = raw.fetch

    async def noted(url: str, method: str = "GET", *more: Any) -> Any:
        path = url.partition("?")[0].rpartition("/v3/")[2]
        seen.append((f"{method} {path}", breakers._PURPOSE.get()))
        return await fetch(url, method, *more)

    raw.fetch = noted
    return seen


@pytest.mark.parametrize(
    ("leg", "kind"),
    [
        (Leg.ENTRY, Kind.ENTRY),
        (Leg.STOP, Kind.PROTECTION),
        (Leg.TARGET, Kind.PROTECTION),
        (Leg.EXIT, Kind.EXIT),
        (Leg.FLATTEN, Kind.EXIT),
    ],
)
def test_order_leaves_as_what_its_leg_is_for(leg: Leg, kind: Kind) -> None:
    with broker_behind_faults() as (broker, _, _):
        seen = _noted(broker)
        broker.place_order(approved("buy 1 BTC @ 100", order_id="tb-x", leg=leg))
        assert seen[0] == ("POST order", kind)


def test_protection_and_cancels_leave_as_such_and_ask_what_came_of_it() -> None:
    with stop_behind_faults() as (broker, _, _):
        seen = _noted(broker)
        broker.replace_order(OLD, HIGHER)
        broker.cancel_order(NEW)
        broker.place_oco(STOP, TARGET)
        broker.cancel_own()
        _targets(broker, "tb-a")
        seen_before = len(seen)
        broker.cancel_shown()
        kinds = dict(seen[:seen_before])
        assert kinds["POST order/cancelReplace"] is Kind.PROTECTION
        assert kinds["POST orderList/oco"] is Kind.PROTECTION
        assert (kinds["DELETE order"], kinds["GET order"]) == (Kind.CANCEL, Kind.OUTCOME)
        assert seen[seen_before:] == [
            ("GET openOrders", Kind.OUTCOME),
            ("DELETE order", Kind.CANCEL),
        ]


def test_dead_man_s_switch_leaves_as_the_cancel_that_it_is() -> None:
    with exchange_stub() as (url, _), real_broker("kraken", url) as broker:
        seen = _noted(broker)
        assert broker.dead_man(60)
    assert seen[-1][1] is Kind.CANCEL
