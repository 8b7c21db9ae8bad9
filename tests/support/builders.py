"""Builders in the domain's words: `market()`, `candles("100 101 99")`, `order("buy 0.5 BTC @ 1")`.

Money is written as text. Everything that is not said is chosen so that sums can be done by hand:
ticks of 1, lots of 0.001, fees of one thousandth taken in the coin that is received.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradebot.engine.apply import apply
from tradebot.engine.orders import Orders
from tradebot.engine.settings import Rules, Sizing
from tradebot.engine.state import Feed, State
from tradebot.model import event as ev
from tradebot.model.account import Position, TradingState
from tradebot.model.market import Candle, FeeAsset, Market
from tradebot.model.order import (
    SETTLED,
    Approved,
    Fill,
    Intent,
    Leg,
    Order,
    OrderKind,
    OrderStatus,
    Report,
    Side,
)

HOUR = 3_600_000
START = 1_704_067_200_000  # 2024-01-01T00:00:00Z
BTC = "binance:BTC/USDT"
ETH = "binance:ETH/USDT"


def d(text: str | int) -> Decimal:
    """Return the Decimal that `text` spells."""
    return Decimal(text)


def market(
    symbol: str = "BTC/USDT",
    *,
    tick: str = "1",
    step: str = "0.001",
    quantity_min: str | None = None,
    notional_min: str = "5",
    maker_ppm: int = 1000,
    taker_ppm: int = 1000,
    fee_asset: FeeAsset = FeeAsset.RECEIVED,
    exchange: str = "binance",
    is_trading: bool = True,
) -> Market:
    """Return a market; the smallest quantity is one step unless told."""
    base, quote = symbol.split("/")
    return Market(
        exchange=exchange,
        base=base,
        quote=quote,
        tick=d(tick),
        step=d(step),
        quantity_min=d(step if quantity_min is None else quantity_min),
        notional_min=d(notional_min),
        maker_ppm=maker_ppm,
        taker_ppm=taker_ppm,
        fee_asset=fee_asset,
        is_trading=is_trading,
    )


def candle(text: str, *, closed_at: int = START + HOUR, opened: int | None = None) -> Candle:
    """Return one hourly candle: `"100"` is its close, `"100/110/90/105"` open, high, low, close."""
    parts = [int(part) for part in text.split("/")]
    if len(parts) == 1:
        close = parts[0]
        first = close if opened is None else opened
        parts = [first, max(first, close), min(first, close), close]
    return Candle(closed_at - HOUR, closed_at, *parts)


def candles(text: str, *, start: int = START) -> list[Candle]:
    """Return hourly candles in price units, each opening at the close before it; `-` is a gap."""
    made: list[Candle] = []
    for number, part in enumerate(text.split(), start=1):
        if part != "-":
            opened = made[-1].close if made else None
            made.append(candle(part, closed_at=start + number * HOUR, opened=opened))
    return made


def rules(**changes: Any) -> Rules:
    """Return rules that allow everything and protect nothing; say what differs."""
    return replace(
        Rules(
            sizing=Sizing.FRACTION,
            fraction_ppm=1_000_000,
            risk_ppm=10_000,
            stop_ppm=0,
            target_ppm=0,
            trailing_ppm=0,
            held_ms_max=0,
            entry_ms_max=0,
            entry_offset_ppm=0,
            reprice_max=0,
            reserve_ppm=0,
            position_ppm_max=1_000_000,
            exposure_ppm_max=1_000_000,
            open_positions_max=10,
            order_notional_max=d(1_000_000),
        ),
        **changes,
    )


def started(*markets: Market, balances: Mapping[str, str] | None = None) -> ev.SessionStarted:
    """Return the first event of a journal; 1000 USDT unless told."""
    listed = markets or (market(),)
    opening = {"USDT": "1000"} if balances is None else balances
    return ev.SessionStarted(
        at=START,
        mode="backtest",
        bot="main",
        exchange="binance",
        timeframe_ms=HOUR,
        markets=listed,
        strategy="test",
        config_hash="",
        balances={coin: d(text) for coin, text in opening.items()},
        version="0",
    )


def position(text: str, *, stop: str = "0", opened_at: int = START, sellable: str = "") -> Position:
    """Return a position bought without fees: `"0.5 @ 20000"`."""
    quantity, _, price = text.partition(" @ ")
    return Position(
        quantity=d(quantity),
        sellable=d(sellable or quantity),
        bought=d(quantity),
        cost=d(quantity) * d(price),
        entry_notional=d(quantity) * d(price),
        entry_price=d(price),
        opened_at=opened_at,
        stop=d(stop),
    )


def _parsed(text: str) -> tuple[Side, Decimal, str, Decimal]:
    side, quantity, base, _, price = text.split()
    return Side(side), d(quantity), f"binance:{base}/USDT", d(price)


def intent(text: str = "buy 0.5 BTC @ 20000", **changes: Any) -> Intent:
    """Return a market intent; buys enter, sells exit and only reduce."""
    side, quantity, name, price = _parsed(text)
    is_buy = side is Side.BUY
    made = Intent(
        market=name,
        side=side,
        kind=OrderKind.MARKET,
        leg=Leg.ENTRY if is_buy else Leg.EXIT,
        quantity=quantity,
        reference_price=price,
        closed_at=START + HOUR,
        strategy="test",
        reason="signal",
        reduce_only=not is_buy,
    )
    return replace(made, **changes)


def approved(
    text: str = "buy 0.5 BTC @ 20000", *, order_id: str = "tb-1", **changes: Any
) -> Approved:
    """Return an approved intent, as a broker is handed it."""
    # The gate alone builds these in the program; a broker's test needs one without a gate.
    return Approved(order_id=order_id, intent=intent(text, **changes))


def order(
    text: str = "buy 0.5 BTC @ 20000",
    *,
    order_id: str = "tb-1",
    status: OrderStatus = OrderStatus.ACCEPTED,
    **changes: Any,
) -> Order:
    """Return an order of ours, accepted unless told."""
    side, quantity, name, price = _parsed(text)
    made = Order(
        id=order_id,
        market=name,
        side=side,
        kind=OrderKind.MARKET,
        leg=Leg.ENTRY if side is Side.BUY else Leg.EXIT,
        quantity=quantity,
        reference_price=price,
        status=status,
        closed_at=START + HOUR,
    )
    return replace(made, **changes)


def stop_order(text: str, **changes: Any) -> Order:
    """Return a resting sell stop: `"sell 0.5 BTC @ 19000"`, the price being the stop's."""
    price = _parsed(text)[3]
    leg: dict[str, Any] = {"leg": Leg.STOP, "kind": OrderKind.STOP, "stop_price": price}
    return order(text, **{"order_id": "tb-stop", **leg, **changes})


def target_order(text: str, **changes: Any) -> Order:
    """Return a resting sell limit: `"sell 0.5 BTC @ 21000"`."""
    price = _parsed(text)[3]
    leg: dict[str, Any] = {"leg": Leg.TARGET, "kind": OrderKind.LIMIT_MAKER, "price": price}
    return order(text, **{"order_id": "tb-target", **leg, **changes})


def fill(
    text: str = "0.5 @ 20000", *, trade_id: str = "1", at: int = START + HOUR, maker: bool = False
) -> Fill:
    """Return a fill: `"0.5 @ 20000"` or `"0.5 @ 20000 fee 0.0005 BTC"`."""
    words = text.split()
    fee, asset = (words[4], words[5]) if len(words) > 3 else ("0", "USDT")
    return Fill(
        trade_id=trade_id,
        quantity=d(words[0]),
        price=d(words[2]),
        fee=d(fee),
        fee_asset=asset,
        is_maker=maker,
        filled_at=at,
    )


def report(of: Order | str, status: OrderStatus, *fills: Fill, filled: str = "") -> Report:
    """Return what the exchange says of an order; it claims what the fills add up to unless told."""
    total = sum((each.quantity for each in fills), d(0))
    return Report(
        order_id=of if isinstance(of, str) else of.id,
        exchange_id="x1",
        status=status,
        filled=d(filled) if filled else total,
        fills=fills,
    )


def intended(of: Order) -> ev.OrderIntended:
    """Return the event by which the journal first hears of an order."""
    return ev.OrderIntended(
        at=START,
        order_id=of.id,
        market=of.market,
        side=of.side,
        kind=of.kind,
        leg=of.leg,
        quantity=of.quantity,
        reference_price=of.reference_price,
        closed_at=of.closed_at,
        strategy="test",
        reason="signal",
        price=of.price,
        stop_price=of.stop_price,
    )


def booked(of: Order, what: Fill) -> ev.FillBooked:
    """Return the event that books a fill of an order."""
    return ev.FillBooked(
        at=what.filled_at, order_id=of.id, market=of.market, side=of.side, fill=what
    )


def closed(
    at: int = START + HOUR, *, exposure: int | None = 1_000_000, **closes: str
) -> ev.CandlesClosed:
    """Return candles closing at `BTC="100", ETH="10"`, all with the same exposure."""
    names = {f"binance:{base}/USDT": d(close) for base, close in closes.items()}
    return ev.CandlesClosed(
        at=at, closed_at=at, closes=names, exposures=dict.fromkeys(names, exposure)
    )


def attempted(orders: Iterable[Order]) -> dict[tuple[str, Leg], tuple[int, int]]:
    """Return how many orders of each market and leg there were at their newest candle."""
    counts: dict[tuple[str, Leg], tuple[int, int]] = {}
    for each in orders:
        newest, count = counts.get((each.market, each.leg), (0, 0))
        if each.closed_at >= newest:
            more = count + 1 if each.closed_at == newest else 1
            counts[each.market, each.leg] = (each.closed_at, more)
    return counts


def state_with(
    *markets: Market,
    balances: Mapping[str, str] | None = None,
    positions: Mapping[str, Position] | None = None,
    orders: Iterable[Order] = (),
    closes: Mapping[str, str] | None = None,
    exposure: int | None = 1_000_000,
    trading: TradingState = TradingState.ACTIVE,
    **feed: Any,
) -> State:
    """Return a state without its history. Keys of positions and closes are market names."""
    state = apply(State(), started(*markets, balances=balances))
    known = {each.id: each for each in orders}
    prices = {name: d(text) for name, text in (closes or {}).items()}
    return state._replace(positions=dict(positions or {}),
        orders=Orders(
            unsettled={key: each for key, each in known.items() if each.status not in SETTLED},
            settled={key: each for key, each in known.items() if each.status in SETTLED},
            attempted=attempted(known.values()),
        ),
        feed=Feed(
            latest=START + HOUR,
            closes=prices,
            closed_at=dict.fromkeys(prices, START + HOUR),
            exposures=dict.fromkeys(prices, exposure),
            **feed,
        ),
        trading=trading,
    )
