"""Which exchange a mode reaches: the real client, asked where it would send."""

import pytest

from tests.support.sandbox import SECRET
from tradebot.adapters.ccxt_client import CcxtClient
from tradebot.adapters.clock import WallClock
from tradebot.runtime.assemble import LIVE, PRACTICE, account_settings
from tradebot.runtime.config import Config


@pytest.mark.parametrize(
    ("mode", "host"), [(LIVE, "https://api.binance.com"), (PRACTICE, "https://testnet.binance.vision")]
)
def test_live_reaches_the_real_exchange_and_nothing_else_does(mode: str, host: str) -> None:
    settings = account_settings(Config(), WallClock(), mode=mode, key="k", secret=SECRET)
    client = CcxtClient(settings)
    try:
        assert client.raw.urls["api"]["private"].startswith(f"{host}/")
        assert client.raw.urls["api"]["public"].startswith(f"{host}/")
    finally:
        client.close()


def test_mode_that_is_none_reaches_nothing() -> None:
    with pytest.raises(ValueError, match="paper"):
        account_settings(Config(), WallClock(), mode="paper", key="k", secret=SECRET)
