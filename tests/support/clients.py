"""The real client of a sandbox server, as production builds one for Binance."""

from collections.abc import Callable

from tests.support.sandbox import KEY, SECRET
from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings


def client_at(
    url: str,
    now_ms: Callable[[], int],
    *,
    follow: Callable[[int], None] | None = None,
    has_budget: bool = True,
) -> CcxtClient:
    """Return a client of the server whose paths begin with `url`, `/api/v3` and all.

    Its errors are those of the real exchange, whose address it believes to ask.
    """
    return CcxtClient(
        ClientSettings(
            exchange="binance",
            api_key=KEY,
            secret=SECRET,
            has_rate_limit=False,
            has_budget=has_budget,
            passthrough={"urls": {"api": {"public": url, "private": url}}},
            errors_as_url="https://api.binance.com/",
            now_ms=now_ms,
            steady_ms=now_ms,
            follow=follow,
        )
    )
