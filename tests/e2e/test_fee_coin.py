"""An account that pays its fees in BNB, the whole way: served, traded, reported, compared."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.account import account
from tests.support.shell import typed

NEAR = """
[exits]
stop_fraction = 0.001
target_fraction = 0.002
"""
PAYING = ("--fee-coin", "BNB=600", "--cash", "USDT=10000", "--cash", "BNB=1")


@pytest.mark.long
def test_fees_in_bnb_are_reported_in_bnb_and_journal_and_exchange_agree(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path, more=PAYING) as made:
        made.project(folder, monkeypatch, leaves=2, more=NEAR)
        with made.bot(folder) as bot:
            bot.hear(r"BUY .* fee 0\.\d+ BNB")
            typed("kill", "--flatten", *made.unlock)
            bot.ended(6)
        told = typed("reconcile", "--json", *made.unlock).json
    assert told["agreed"] is True
    report = typed("report", "--json").json
    assert set(report["fees"]) == {"BNB"}
    assert report["third_fees"] == report["fees"]
    assert report["trades"] >= 1
    for row in told["coins"]:
        if row["coin"] == "BNB":
            assert Decimal(row["exchange"]) == 1 - Decimal(report["fees"]["BNB"])
    paid = f"{report['fees']['BNB']} BNB"
    assert f"{paid} of these fees not counted above: no price known" in typed("report").out
    assert f"Fees of {paid} not counted in it: no price known" in typed("status", code=None).out
    assert typed("status", "--json", code=None).json["third_fees"] == report["third_fees"]
