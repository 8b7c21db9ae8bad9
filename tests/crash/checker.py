"""Journal against exchange, once the dying is over: what must be the same on both sides.

Law: it knows nothing of the program: no import of it. It reads the journal's file with SQLite and
JSON alone, and the exchange by what its API tells any client.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
# What an order is after an event of this kind. A kind that is not here changes no order.
STATUS = {
    "order_intended": "intended",
    "order_sent": "sent",
    "order_accepted": "open",
    "order_unknown": "unknown",
    "order_rejected": "rejected",
    "order_cancelled": "cancelled",
    "order_expired": "expired",
    "order_absent": "absent",
    "order_dropped": "dropped",
}
IN_DOUBT = frozenset({"intended", "sent", "unknown"})
NEVER_THERE = frozenset({"rejected", "absent", "dropped"})
OPEN_THERE = frozenset({"NEW", "PARTIALLY_FILLED"})


@dataclass(slots=True)
class Told:
    """An order as the journal tells it. `fills` are rows of `_fill`, by trade."""

    market: str
    side: str
    kind: str
    quantity: Decimal
    status: str = "intended"
    fills: dict[str, tuple[str, ...]] = field(default_factory=dict)
    filled: Decimal = Decimal(0)

    @property
    def is_open(self) -> bool:
        """Whether it rests at the exchange, by the journal."""
        return self.status == "open" and self.filled < self.quantity


@dataclass(slots=True)
class Books:
    """What the journal tells: orders, opening balances, each market's rules."""

    orders: dict[str, Told] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)
    markets: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    events: int = 0


def read(path: Path) -> Books:
    """Return what a journal tells, its chain counted again."""
    books, head = Books(), GENESIS
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT seq, kind, body, previous, hash FROM events ORDER BY seq")
        for seq, kind, body, previous, found in rows:
            made = hashlib.sha256(f"{head}\n{seq}\n{kind}\n{body}".encode()).hexdigest()
            if (seq, previous, found) != (books.events + 1, head, made):
                books.faults.append(f"the chain breaks at event {seq}")
            head = found
            books.events = seq
            _take(books, kind, json.loads(body))
    return books


def _take(books: Books, kind: str, body: Mapping[str, Any]) -> None:
    """Let one event change the books."""
    if kind == "session_started":
        books.balances = {coin: Decimal(text) for coin, text in body["balances"].items()}
    if kind in ("session_started", "session_reconfigured"):
        books.markets = {_name(each): each for each in body["markets"]}
    order_id = body.get("order_id", "")
    if kind == "order_intended":
        if order_id in books.orders:
            books.faults.append(f"{order_id} was intended twice")
        quantity = Decimal(body["quantity"])
        books.orders[order_id] = Told(body["market"], body["side"], body["kind"], quantity)
    order = books.orders.get(order_id)
    if kind in STATUS and order is None:
        books.faults.append(f"{kind} of an order that was never intended: {order_id}")
    elif kind in STATUS and order is not None:
        order.status = STATUS[kind]
    elif kind == "fill_booked" and order is not None:
        fill = body["fill"]
        trade = f"{body['market']} {fill['trade_id']}"
        if trade in order.fills:
            books.faults.append(f"trade {trade} was booked twice")
        words = [fill[each] for each in ("quantity", "price", "fee")]
        order.fills[trade] = _fill(order_id, body["side"], *words, fill["fee_asset"])
        order.filled += Decimal(fill["quantity"])


def _name(market: Mapping[str, Any]) -> str:
    return f"{market['exchange']}:{market['base']}/{market['quote']}"


def _fill(
    order_id: str, side: str, quantity: str, price: str, fee: str, coin: str
) -> tuple[str, ...]:
    amounts = (str(Decimal(each).normalize()) for each in (quantity, price, fee))
    return (order_id, side.lower(), *amounts, coin)


def faults(path: Path, story: Any) -> list[str]:
    """Return all that does not fit between a journal and the exchange's `story`; empty = nothing.

    `story` has orders by client id, trades, total balances by coin, and posts by client id.
    """
    books = read(path)
    return [
        *books.faults,
        *_orders(books, story),
        *_fills(books, story),
        *_balances(books, story),
        *_posts(books, story),
        *_protection(books, story),
    ]


def _orders(books: Books, story: Any) -> Iterator[str]:
    for order_id, there in story.orders.items():
        order = books.orders.get(order_id)
        if order is None:
            yield f"{order_id} is at the exchange and not in the journal"
            continue
        if order.status in NEVER_THERE:
            yield f"{order_id} is {order.status} in the journal and at the exchange"
        if (order.quantity, order.side) != (Decimal(there["origQty"]), there["side"].lower()):
            yield f"{order_id} is another order at the exchange"
        if order.is_open != (there["status"] in OPEN_THERE):
            yield f"{order_id} is {order.status} in the journal and {there['status']} there"
    for order_id, order in books.orders.items():
        if order.status in IN_DOUBT:
            yield f"{order_id} is still {order.status}"
        elif order.status not in NEVER_THERE and order_id not in story.orders:
            yield f"{order_id} is {order.status} in the journal and unknown at the exchange"


def _fills(books: Books, story: Any) -> Iterator[str]:
    booked = {trade: fill for each in books.orders.values() for trade, fill in each.fills.items()}
    traded = {
        f"{each['market']} {each['id']}": _fill(
            each["clientOrderId"],
            "buy" if each["isBuyer"] else "sell",
            *(each[name] for name in ("qty", "price", "commission")),
            each["commissionAsset"],
        )
        for each in story.trades
    }
    for trade in sorted(booked.keys() | traded.keys()):
        if booked.get(trade) != traded.get(trade):
            yield f"trade {trade}: {booked.get(trade)} booked, {traded.get(trade)} traded"


def _balances(books: Books, story: Any) -> Iterator[str]:
    totals = dict(books.balances)
    for order in books.orders.values():
        base, quote = _coins(books, order.market)
        for _, side, quantity, price, fee, coin in order.fills.values():
            sign = 1 if side == "buy" else -1
            totals[base] = totals.get(base, Decimal(0)) + sign * Decimal(quantity)
            worth = sign * Decimal(quantity) * Decimal(price)
            totals[quote] = totals.get(quote, Decimal(0)) - worth
            totals[coin] = totals.get(coin, Decimal(0)) - Decimal(fee)
    for coin, total in totals.items():
        there = story.balances.get(coin, Decimal(0))
        if there != total:
            yield f"{coin}: {total} by the journal, {there} at the exchange"


def _coins(books: Books, market: str) -> tuple[str, str]:
    listed = books.markets[market]
    return listed["base"], listed["quote"]


def _posts(books: Books, story: Any) -> Iterator[str]:
    for client_id, count in story.posts.items():
        if count > 1:
            yield f"{client_id} was posted {count} times"
        # An order list has an id of its own, made from its stop's.
        if client_id.removesuffix("-l") not in books.orders:
            yield f"{client_id} was posted and is not in the journal"
    for order_id, order in books.orders.items():
        if order.status == "dropped" and story.posts.get(order_id):
            yield f"{order_id} is dropped in the journal and was posted"


def _protection(books: Books, story: Any) -> Iterator[str]:
    """Yield every position without its stop, and all that is for sale and not held."""
    for name, listed in books.markets.items():
        held = _held(books, name, listed["base"])
        stops, for_sale, prices = Decimal(0), {}, [Decimal(0)]
        for there in story.orders.values():
            is_resting = there["side"] == "SELL" and there["status"] in OPEN_THERE
            if there["market"] == name and is_resting:
                rest = Decimal(there["origQty"]) - Decimal(there["executedQty"])
                # Of a stop and a target in one list only one will sell.
                group = there["orderListId"] if there["orderListId"] >= 0 else -there["orderId"]
                for_sale[group] = max(for_sale.get(group, Decimal(0)), rest)
                stops += rest if there["type"] == "STOP_LOSS" else 0
        prices += [Decimal(each["price"]) for each in story.trades if each["market"] == name]
        if sum(for_sale.values()) > max(held, Decimal(0)):
            yield f"{name}: {sum(for_sale.values())} for sale of {held}"
        sellable = _sellable(held, prices[-1], listed)
        if stops < sellable:
            yield f"{name}: {sellable} held, {stops} of it under a stop"


def _held(books: Books, market: str, base: str) -> Decimal:
    """Return what the journal's fills leave of a market's coin."""
    held = Decimal(0)
    for order in books.orders.values():
        if order.market == market:
            for _, side, quantity, _, fee, coin in order.fills.values():
                held += Decimal(quantity) * (1 if side == "buy" else -1)
                held -= Decimal(fee) if coin == base else 0
    return held


def _sellable(held: Decimal, price: Decimal, listed: Mapping[str, Any]) -> Decimal:
    """Return the whole lots that the exchange would take; 0 where they are too few."""
    step = Decimal(listed["step"])
    lots = (held / step).to_integral_value(ROUND_FLOOR) * step
    is_enough = lots >= Decimal(listed["quantity_min"])
    return lots if is_enough and lots * price >= Decimal(listed["notional_min"]) else Decimal(0)
