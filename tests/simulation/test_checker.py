"""The checker sees what must not be: each rule by a few rows, told as a world tells them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.simulation.checker import Checker
from tests.simulation.limits import Caps
from tests.simulation.record import Violation
from tests.simulation.rows import Listed, There

BTC, HOUR = "binance:BTC/USDT", 3_600_000
CLOSED = 10 * HOUR
d = Decimal


def _checker(
    *, lag_ms_max: int = 0, has_stop: bool = False, opening: dict[str, Decimal] | None = None
) -> Checker:
    """Return one that has heard of the first candle, which closed at 100."""
    listed = Listed("BTC", "USDT", d("0.001"), d("0.001"), d(5), [CLOSED, CLOSED + HOUR])
    caps = Caps(
        positions_max=1, position_ppm_max=500_000, exposure_ppm_max=1_000_000, timeframe_ms=HOUR
    )
    coins = opening or {"USDT": d(1_000)}
    made = Checker(
        {BTC: listed}, coins, caps=caps, has_stop=has_stop, lag_ms_max=lag_ms_max
    )
    made.booted(CLOSED)
    _candle(made, CLOSED)
    return made


def _candle(
    checker: Checker, closed_at: int, exposure: int | None = None, *, now: int = CLOSED
) -> None:
    body = {
        "at": now,
        "closed_at": closed_at,
        "closes": {BTC: "100"},
        "exposures": {BTC: exposure},
        "missed": False,
    }
    checker.journalled(now, "candles_closed", body, "candles_closed")


def _journal(checker: Checker, event: str, /, **body: Any) -> None:
    checker.journalled(CLOSED, event, {"at": CLOSED, **body}, event)


def _intend(checker: Checker, *, quantity: str = "1", closed_at: int = CLOSED) -> None:
    _journal(
        checker,
        "order_intended",
        order_id="tb-1",
        market=BTC,
        side="buy",
        kind="market",
        leg="entry",
        quantity=quantity,
        price=None,
        reference_price="100",
        closed_at=closed_at,
    )


def _send(checker: Checker) -> None:
    _intend(checker)
    _journal(checker, "order_sent", order_id="tb-1", window_ms=5_000)


def _difference(kind: str, subject: str, *, mark: str = "-1") -> dict[str, Any]:
    return {"kind": kind, "subject": subject, "mark": mark, "exchange": "1"}


def _move(checker: Checker, amount: int) -> None:
    checker.moved(CLOSED, "by hand", {"USDT": d(amount)})


def _lock(checker: Checker) -> None:
    _move(checker, -1)
    _journal(checker, "difference_found", **_difference("cash_short", "USDT"))
    _journal(checker, "market_locked", market=BTC, cause="reconcile", reason="x")


def _adopt(checker: Checker) -> None:
    _journal(checker, "balance_adjusted", asset="USDT", before="1000", after="999")


def _unlock(checker: Checker) -> None:
    _journal(checker, "market_unlocked", market=BTC, cause="reconcile", reason="x")


def _resolve(checker: Checker, how: str) -> None:
    _journal(checker, "difference_resolved", how=how, **_difference("cash_short", "USDT"))


def _told_first(checker: Checker) -> None:
    for _ in range(2):
        checker.told()


def _posted_late(checker: Checker) -> None:
    _send(checker)
    checker.posted(CLOSED + 2_001, ["tb-1"], 1)


def _posted_without_token(checker: Checker) -> None:
    _send(checker)
    checker.posted(CLOSED, ["tb-1"], 0)


def _entered_locked(checker: Checker) -> None:
    _lock(checker)
    _intend(checker)


def _entered_killed(checker: Checker) -> None:
    _send(checker)
    checker.killed(CLOSED, is_killed=True)
    checker.posted(CLOSED, ["tb-1"], 1)


def _unlocked(checker: Checker) -> None:
    _lock(checker)
    _unlock(checker)


def _resolved(checker: Checker) -> None:
    _lock(checker)
    _resolve(checker, "agreed")


def _adopted(checker: Checker) -> None:
    _lock(checker)
    _adopt(checker)


def _not_found(checker: Checker) -> None:
    _move(checker, -1)
    checker.hands.must_be_found()


def _not_locked(checker: Checker) -> None:
    _move(checker, -1)
    _journal(checker, "difference_found", **_difference("cash_short", "USDT"))
    checker.hands.must_be_found()


def _other_ended(checker: Checker) -> None:
    checker.other_placed(CLOSED, "hand-1")
    checker.other_ended(CLOSED, "hand-1", "CANCELED", is_their_doing=False)


def _vanished_at_once(checker: Checker) -> None:
    _send(checker)
    checker.posted(CLOSED, ["tb-1"], 1)
    there = There(BTC, "buy", "limit", d(1), -1)
    checker.placed(CLOSED, "tb-1", there)
    _journal(checker, "order_accepted", order_id="tb-1")
    there.is_vanished = True
    checker.ended(CLOSED, "tb-1", "VANISHED")
    checker.taken_away(CLOSED, "tb-1", "vanished")
    checker.looked(CLOSED + 1, "report", "tb-1", False)
    _journal(checker, "order_expired", order_id="tb-1", reason="lost")


Rows = Callable[[Checker], None]
BREACHES: list[tuple[str, Rows]] = [
    ("I4: cash_short of USDT, which nobody touched", lambda each: _journal(
        each, "difference_found", **_difference("cash_short", "USDT"))),
    ("I4: .* is locked, though nothing differs", lambda each: _journal(
        each, "market_locked", market=BTC, cause="reconcile", reason="x")),
    ("I4: halted for nothing", lambda each: _journal(
        each, "trading_state_changed", state="halted", reason="x")),
    ("I4: .* was shrunk, and nobody took of it", lambda each: _journal(
        each, "position_adjusted", market=BTC, before="1", quantity="0")),
    ("I4: .* was unlocked by nobody", _unlocked),
    ("I4: cash_short is agreed, and nobody said so", _resolved),
    ("I4: USDT was adopted, and nobody said so", _adopted),
    ("I4: others moved USDT, and nobody was told", _not_found),
    ("I4: cash_short of USDT, and no lock", _not_locked),
    ("I7: tb-1 given up on report looks", _vanished_at_once),
    ("I8: an entry in .*, which is locked", _entered_locked),
    ("I9: tb-1 left 2001 ms after it was ruled on", _posted_late),
    ("I9: 1 posts, 0 tokens", _posted_without_token),
    ("I10: 600 in .*, the limit is 500", lambda each: _intend(each, quantity="6")),
    ("I11: NaN is no amount", lambda each: _intend(each, quantity="NaN")),
    ("I12: tb-1 after the kill", _entered_killed),
    ("I13: .* was decided 3600000 ms early", lambda each: _candle(each, CLOSED + HOUR)),
    ("I13: .* where none closed", lambda each: _intend(each, closed_at=CLOSED + 1)),
    ("I15: an event was told before it was on disk", _told_first),
    ("I21: hand-1 is not ours, and was ended", _other_ended),
    ("I21: tb-9 is not ours", lambda each: each.cancel_posted(CLOSED, "tb-9")),
    ("I22: .* decided 36000000 after 36000000", lambda each: _candle(each, CLOSED)),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "rows"), BREACHES, ids=[name for name, _ in BREACHES])
def test_breach_is_named_by_its_rule(expected: str, rows: Rows) -> None:
    with pytest.raises(Violation, match=f"^{expected}"):
        rows(_checker())


def test_nothing_is_wrong_with_what_was_touched_found_and_lifted_by_its_owner() -> None:
    checker = _checker()
    _lock(checker)
    checker.hands.must_be_found()
    checker.owner_acts(CLOSED, is_acting=True)
    _resolve(checker, "adopted")
    _adopt(checker)
    _unlock(checker)
    checker.owner_acts(CLOSED, is_acting=False)
    checker.agreed({"USDT": d(999)})
    assert not checker.hands.is_waiting()


def test_order_may_seem_to_differ_only_where_reads_are_older_than_two_looks_are_apart() -> None:
    body = _difference("fills_missing", "tb-1", mark="x")
    patient = _checker(lag_ms_max=25_000)
    _journal(patient, "difference_found", **body)
    assert patient.counts["false alarm"] == 1
    with pytest.raises(Violation, match="which nobody touched"):
        _journal(_checker(lag_ms_max=9_000), "difference_found", **body)


def test_position_whose_stop_others_took_has_its_time_from_when_that_is_known() -> None:
    protection = _checker(has_stop=True).protection
    protection.seen(0, BTC, is_covered=False)
    protection.hide(BTC, "tb-1")
    assert protection.late(500_000) == []
    assert protection.late(601_000) == [BTC], "it must be known some day"
    protection.found(500_000, BTC, "tb-1")
    assert protection.late(540_000) == []
    assert protection.late(543_000) == [BTC]


def _bought(checker: Checker) -> None:
    """Let an entry fill in both books."""
    _send(checker)
    checker.posted(CLOSED, ["tb-1"], 1)
    checker.placed(CLOSED, "tb-1", There(BTC, "buy", "market", d(1), -1))
    fill = {"quantity": "1", "price": "100", "fee": "0", "fee_asset": "USDT"}
    checker.traded(CLOSED, "tb-1", fill | {"trade_id": "7"})
    checker.ended(CLOSED, "tb-1", "FILLED")
    _journal(checker, "order_accepted", order_id="tb-1")
    _journal(checker, "fill_booked", order_id="tb-1", fill=fill | {"trade_id": "7"})


@pytest.mark.parametrize("exposure", [0, None, 1_000_000])
def test_what_a_signal_has_ended_is_gone_once_the_faults_are_over(exposure: int | None) -> None:
    checker = _checker()
    _bought(checker)
    _candle(checker, CLOSED + HOUR, exposure, now=CLOSED + HOUR)
    if exposure != 0:
        checker.healed(CLOSED + HOUR, set())
        return
    with pytest.raises(Violation, match=r"I23: .* are held, which a signal has ended"):
        checker.healed(CLOSED + HOUR, set())


# --- a coin that pays the fees, and that no market trades ---------------------------------------


def _paid_in_bnb() -> Checker:
    """Return a checker of an account with 1 BNB, of which a trade in both books took 0.2."""
    checker = _checker(opening={"USDT": d(1_000), "BNB": d(1)})
    fill = {"quantity": "1", "price": "100", "fee": "0.2", "fee_asset": "BNB"}
    checker.coins.traded(BTC, "buy", fill)
    checker.coins.booked(BTC, "buy", fill)
    return checker


def _kept(checker: Checker, after: str, before: str = "0") -> None:
    _journal(checker, "balance_adjusted", asset="BNB", before=before, after=after, reason="x")


HELD = {"USDT": d(900), "BTC": d(1)}


def test_fee_coin_is_no_balance_before_it_is_kept_and_one_like_any_other_after() -> None:
    checker = _paid_in_bnb()
    checker.coins.claimed(BTC, d(1), HELD)
    checker.agreed({**HELD, "BNB": d("0.8")})
    _kept(checker, "0.8")
    assert checker.counts["fee coin kept"] == 1
    checker.coins.claimed(BTC, d(1), {**HELD, "BNB": d("0.8")})
    checker.agreed({**HELD, "BNB": d("0.8")})
    with pytest.raises(Violation, match="BNB was adopted, and nobody said so"):
        _kept(checker, "0.7", before="0.8")


@pytest.mark.parametrize(
    ("expected", "rows"),
    [
        ("I4: BNB: kept with 1, not 0.8", lambda each: _kept(each, "1")),
        ("I4: BNB: set from 1, it was never told", lambda each: _kept(each, "0.8", before="1")),
        ("I19: BNB: the bot made up a balance",
         lambda each: each.coins.claimed(BTC, d(1), {**HELD, "BNB": d("-0.2")})),
        ("I19: the exchange has 1 BNB, not 0.8", lambda each: each.agreed({**HELD, "BNB": d(1)})),
    ],
)  # fmt: skip
def test_fee_coin_that_is_told_of_otherwise_is_a_breach(expected: str, rows: Rows) -> None:
    with pytest.raises(Violation, match=f"^{expected}"):
        rows(_paid_in_bnb())


def test_coin_that_no_fee_was_paid_in_is_not_kept() -> None:
    with pytest.raises(Violation, match="BNB was adopted, and nobody said so"):
        _kept(_checker(opening={"USDT": d(1_000), "BNB": d(1)}), "1")
