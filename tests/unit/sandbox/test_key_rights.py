"""What the sandbox tells of its key, over HTTP: signed, good and bad, changed while it runs."""

import json

import pytest

from tests.support.sandbox_client import Caller
from tradebot.errors import UsageError
from tradebot.sandbox.auth import KeyRights
from tradebot.sandbox.endpoints import KEY_PATH
from tradebot.sandbox.standalone import parse_key_rights


def _told(caller: Caller, rights: str) -> tuple[int, dict[str, object]]:
    body = json.dumps({"rights": rights})
    assert caller.raw("POST", "/sandbox/key", body=body) == (200, {"rights": rights})
    status, answer = caller.signed("GET", KEY_PATH)
    return status, answer


def test_key_that_only_trades_is_the_default(caller: Caller) -> None:
    status, told = caller.signed("GET", KEY_PATH)
    granted = {name for name, value in told.items() if value is True}
    assert (status, granted) == (
        200,
        {"ipRestrict", "enableReading", "enableSpotAndMarginTrading"},
    )


@pytest.mark.parametrize(
    ("rights", "name", "value"),
    [
        ("read", "enableSpotAndMarginTrading", False),
        ("withdraw", "enableWithdrawals", True),
        ("transfer", "permitsUniversalTransfer", True),
        ("anywhere", "ipRestrict", False),
        ("partial", "enableWithdrawals", None),
        ("malformed", "enableWithdrawals", "False"),
        ("trade", "enableWithdrawals", False),
    ],
)
def test_each_state_differs_in_what_it_is_named_after(
    caller: Caller, rights: str, name: str, value: object
) -> None:
    status, told = _told(caller, rights)
    assert (status, told.get(name)) == (200, value)


def test_exchange_without_the_question_says_so(caller: Caller) -> None:
    status, told = _told(caller, "absent")
    assert (status, told["code"]) == (404, -1020)


def test_question_wants_a_signature_and_no_neighbour_is_served(caller: Caller) -> None:
    status, answer = caller.raw("GET", KEY_PATH, query="timestamp=1")
    assert (status, answer["code"]) == (400, -1102)
    status, _ = caller.signed("GET", f"{KEY_PATH}/ipRestriction")
    assert status == 404


@pytest.mark.parametrize("body", ["", "[]", '{"rights": "all"}', '{"rights": 1}'])
def test_words_that_it_does_not_know_change_nothing(caller: Caller, body: str) -> None:
    status, answer = caller.raw("POST", "/sandbox/key", body=body)
    assert (status, "withdraw" in answer["error"]) == (400, True)
    assert caller.signed("GET", KEY_PATH)[1]["enableWithdrawals"] is False


def test_option_takes_each_state_and_nothing_else() -> None:
    assert [parse_key_rights(each.value) for each in KeyRights] == list(KeyRights)
    with pytest.raises(UsageError, match="nothing that can be told of a key"):
        parse_key_rights("all")
