"""Fees in a coin that no market trades: charged while there is enough of it, as Binance does."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.builders import d, market
from tests.support.pieces import taken
from tests.support.sandbox import COIN, at, book, request, total
from tests.support.sandbox_client import Caller
from tests.unit.sandbox.test_replay import table
from tradebot.errors import BooksDisagree, ConfigError, UsageError
from tradebot.model.market import FeeAsset
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import FeeCoin
from tradebot.sandbox.record import resume
from tradebot.sandbox.replay import market_for, open_book
from tradebot.sandbox.server import SandboxServer
from tradebot.sandbox.standalone import parse_fee_coin

BNB = FeeCoin("BNB", Decimal(500))


def paying(amount: str, *, coin: FeeCoin = BNB, fee_asset: FeeAsset = FeeAsset.RECEIVED) -> Book:
    """Return an exchange at a price of 100, with 1000 USDT and so much of the fee coin."""
    cash = {"USDT": "1000", "BNB": amount}
    return book("100 100 100 100", cash=cash, rules=market(fee_asset=fee_asset), fee_coin=coin)


def fees(made: Book) -> list[str]:
    """Return every fee that was charged, in words."""
    return [f"{d(each.fee).scaleb(-each.fee_decimals):f} {each.fee_asset}" for each in made.trades]


@pytest.mark.parametrize("fee_asset", FeeAsset)
def test_fee_is_its_value_in_quote_at_the_coin_s_price_on_both_sides(fee_asset: FeeAsset) -> None:
    """A thousandth of 400 USDT is 0.4 USDT: 0.0008 of a coin at 500."""
    made = paying("1", fee_asset=fee_asset)
    made.place(request("buy 4 market", client_id="a"))
    assert (total(made, "BTC"), total(made, "USDT"), total(made, "BNB")) == (4, 600, d("0.9992"))
    made.place(request("sell 4 market", client_id="b"))
    assert (total(made, "BTC"), total(made, "USDT"), total(made, "BNB")) == (0, 1000, d("0.9984"))
    assert fees(made) == ["0.00080000 BNB", "0.00080000 BNB"]


def test_fee_is_rounded_up_to_the_coin_s_last_unit() -> None:
    made = paying("1", coin=FeeCoin("BNB", Decimal(300)))
    made.place(request("buy 1 market"))
    assert fees(made) == ["0.00033334 BNB"]


@pytest.mark.parametrize(
    ("amount", "sold", "paid"),
    [
        ("0.0008", "4", ["0.00080000 BNB", "0.40000000 USDT"]),
        ("0.00079999", "3.996", ["0.00400000 BTC", "0.00079920 BNB"]),
        ("0", "3.996", ["0.00400000 BTC", "0.39960000 USDT"]),
    ],
    ids=["enough for one", "one unit short for the first", "none"],
)
def test_fee_is_taken_from_what_is_received_where_the_coin_would_not_do(
    amount: str, sold: str, paid: list[str]
) -> None:
    made = paying(amount)
    made.place(request("buy 4 market", client_id="a"))
    made.place(request(f"sell {sold} market", client_id="b"))
    assert fees(made) == paid


def test_coin_that_runs_out_between_two_pieces_pays_the_first_alone() -> None:
    made = paying("0.0005")
    taken(made, "2 2")
    made.place(request("buy 4 market"))
    assert fees(made) == ["0.00040000 BNB", "0.00200000 BTC"]
    assert (total(made, "BTC"), total(made, "BNB")) == (d("3.998"), d("0.0001"))


def test_account_tells_of_the_coin_and_of_the_discount_s_name() -> None:
    made = paying("1")
    server = SandboxServer(made, api_key="k" * 64, secret="s" * 64)
    caller = Caller(server, server.start())
    try:
        _, placed = caller.order()
        assert placed["fills"][0]["commission"] == "0.00020000"
        assert placed["fills"][0]["commissionAsset"] == "BNB"
        _, trades = caller.signed("GET", "myTrades", symbol="BTCUSDT")
        assert (trades[0]["commission"], trades[0]["commissionAsset"]) == ("0.00020000", "BNB")
        _, told = caller.signed("GET", "account")
        held = {each["asset"]: each["free"] for each in told["balances"]}
        assert held == {"BNB": "0.99980000", "BTC": "1.00000000", "USDT": "900.00000000"}
        _, rates = caller.signed("GET", "account/commission", symbol="BTCUSDT")
        assert rates["discount"]["discountAsset"] == "BNB"
        assert rates["discount"]["enabledForAccount"] is True
    finally:
        caller.close()
        server.stop()


def test_record_of_another_price_is_of_another_sandbox(tmp_path: Path) -> None:
    path = tmp_path / "record"
    first = resume(path, paying("1"))
    first.place(request("buy 4 market"))
    first.close()
    again = resume(path, paying("1"))
    again.close()
    assert again.free == first.free
    for other in (paying("1", coin=FeeCoin("BNB", Decimal(501))), book("100 100 100 100")):
        with pytest.raises(BooksDisagree):
            resume(path, other)


def test_coin_that_is_traded_or_has_no_one_price_is_refused() -> None:
    candles = table([100.0])
    listed = {name: (market_for(name, candles), candles) for name in ("BNB/USDT", "BTC/EUR")}
    with pytest.raises(ConfigError, match="BNB cannot pay the fees: BNB/USDT trades it"):
        open_book([listed["BNB/USDT"]], {}, slippage_ppm=0, now=at(0), fee_coin=BNB)
    other = FeeCoin("XYZ", Decimal(1))
    with pytest.raises(ConfigError, match="XYZ has one price, but the markets are in EUR and USDT"):
        open_book(listed.values(), {}, slippage_ppm=0, now=at(0), fee_coin=other)


def test_opening_balance_may_be_of_the_fee_coin() -> None:
    candles = table([100.0])
    cash = {"BNB": d("0.5")}
    pair = (market_for("BTC/USDT", candles), candles)
    made = open_book([pair], cash, slippage_ppm=0, now=0, fee_coin=BNB)
    assert made.free["BNB"] == COIN // 2


def test_coin_and_price_are_read() -> None:
    assert parse_fee_coin("BNB=600.5") == FeeCoin("BNB", d("600.5"))
    for text in ("BNB", "BNB=", "=5", "BNB=0", "BNB=-1", "BNB=x", ""):
        with pytest.raises(UsageError, match="is no coin with a price"):
            parse_fee_coin(text)
