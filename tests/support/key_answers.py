"""What six exchanges answer when asked for the rights of a key, in the form of their documents."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOME = "198.51.100.7"


@dataclass
class KeyServer:
    """An exchange that answers one thing to everything, and keeps what it was asked.

    `first` is answered before that, once.
    """

    body: bytes = b"{}"
    status: int = 200
    first: tuple[int, bytes] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def answers(self, answer: object) -> None:
        """Answer this from now on, as JSON."""
        self.body, self.status = json.dumps(answer).encode(), 200


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """Run such an exchange on loopback."""
    served = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            served.asked.append((self.command, self.path.partition("?")[0]))
            status, body = served.first or (served.status, served.body)
            served.first = None
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def pem_key() -> str:
    """Return a new private key as Coinbase hands one out."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        .decode()
    )


def binance(**changes: object) -> dict[str, Any]:
    """Return Binance's answer of a key that trades and no more; None leaves a flag out."""
    flags = {
        "ipRestrict": True,
        "createTime": 1698645219000,
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": True,
        "enableSpotAndMarginTrading": True,
        "enablePortfolioMarginTrading": False,
        **changes,
    }
    return {name: value for name, value in flags.items() if value is not None}


def bybit(*, ips: object = (HOME,), read_only: object = 0, **groups: object) -> dict[str, Any]:
    """Return Bybit's answer; a group that is None is left out."""
    permissions = {
        "ContractTrade": [], "Spot": ["SpotTrade"], "Wallet": [], "Options": [],
        "Derivatives": [], "CopyTrading": [], "BlockTrade": [], "Exchange": ["ExchangeHistory"],
        "NFT": [], "Affiliate": [], "Earn": [], **groups,
    }  # fmt: skip
    result = {
        "id": "13770661",
        "note": "bot",
        "apiKey": "XXXXXX",
        "readOnly": read_only,
        "secret": "",
        "permissions": {name: each for name, each in permissions.items() if each is not None},
        "ips": ips,
        "type": 1,
        "deadlineDay": 83,
        "isMaster": False,
    }
    return {"retCode": 0, "retMsg": "", "result": result, "retExtInfo": {}, "time": 1732531000000}


def kraken(*rights: object, addresses: object = (HOME,)) -> dict[str, Any]:
    """Return Kraken's answer."""
    result = {
        "apiKeyName": "bot",
        "apiKey": "XXXXXX",
        "nonce": "1772627060997",
        "nonceWindow": 0,
        "permissions": rights,
        "iban": "AA88 N84G WOAK NMOI",
        "validUntil": "0",
        "createdTime": "1772542900",
        "ipAllowlist": addresses,
    }
    return {"error": [], "result": result}


def okx(perm: object, ip: object = HOME) -> dict[str, Any]:
    """Return OKX's answer."""
    entry = {"acctLv": "1", "label": "bot", "ip": ip, "perm": perm, "posMode": "net_mode"}
    return {"code": "0", "data": [{**entry, "uid": "1", "mainUid": "1"}], "msg": ""}


def kucoin(permission: object, addresses: object = HOME) -> dict[str, Any]:
    """Return KuCoin's answer."""
    data = {
        "remark": "bot",
        "apiKey": "XXXXXX",
        "apiVersion": 3,
        "permission": permission,
        "ipWhitelist": addresses,
        "createdAt": 1728443843000,
        "uid": 165111215,
        "isMaster": True,
    }
    return {"code": "200000", "data": data}


def coinbase(**changes: object) -> dict[str, Any]:
    """Return Coinbase's answer of a key that trades and no more."""
    told = {"can_view": True, "can_trade": True, "can_transfer": False, "portfolio_uuid": "0-0"}
    return {**told, "portfolio_type": "DEFAULT", **changes}
