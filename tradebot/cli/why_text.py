"""How `tradebot why` looks: the verdict first, then what it rests on; and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.cli.output import lines_of
from tradebot.cli.report import cents

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tradebot.model.event import IntentRefused
    from tradebot.model.order import Order
    from tradebot.research.opinion import Opinion
    from tradebot.research.sized import Line
    from tradebot.research.story import Told
    from tradebot.research.verdict import Verdict
    from tradebot.research.why import Asked, Holding, OfCandle, Row
    from tradebot.research.why_order import OfOrder


def _time(time_ms: int) -> str:
    from tradebot.model.timeframe import format_time

    return format_time(time_ms)


# --- one candle ---------------------------------------------------------------------------------


def candle_json(found: OfCandle) -> dict[str, Any]:
    """Return what came of a candle as JSON takes it."""
    opinion, moment = found.opinion, found.moment
    assert moment.closed is not None, "only candles are explained"
    signal = opinion.signal
    return {
        "about": "candle",
        "at": _time(found.at),
        "verdict": _verdict_json(found.verdict),
        "candle": {
            "closed_at": _time(moment.closed_at),
            "close": found.close,
            "missed": moment.closed.missed,
            "exposure_ppm": opinion.exposure_ppm,
        },
        "strategy": {
            "name": opinion.strategy,
            "withheld": opinion.withheld or None,
            "confidence": None if signal is None else signal.confidence,
            "reasons": None if signal is None else list(signal.reasons),
            "readings": None if signal is None else dict(signal.readings),
            "misses": [
                {"what": each.what, "value": each.value, "needed": each.needed}
                for each in opinion.misses
            ],
        },
        "gate": _gate_json(found),
        "size": _size_json(found.lines),
        "standing": list(found.standing),
        "holding": _holding_json(found.holding),
        "events": _events_json(found.story),
    }


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "word": verdict.word.value,
        "because": verdict.because.value,
        "text": verdict.text,
    }


def _gate_json(found: OfCandle) -> dict[str, Any]:
    refusal = found.verdict.refusal
    if refusal is None:
        return {"ruling": "not_asked" if found.order is None else "approved"}
    return {
        "ruling": "refused",
        "control": refusal.control,
        "limit": refusal.limit,
        "value": refusal.value,
        "message": refusal.message,
        "at": _time(refusal.at),
    }


def _size_json(lines: Iterable[Line]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "result": each.result,
            "unit": each.unit,
            "how": each.how,
            "fault": each.fault or None,
        }
        for each in lines
    ]


def _holding_json(holding: Holding | None) -> dict[str, Any] | None:
    if holding is None:
        return None
    return {
        "quantity": holding.quantity,
        "entry_price": holding.entry_price,
        "stop": holding.stop,
        "target": holding.target,
    }


def _events_json(story: Iterable[Told]) -> list[dict[str, Any]]:
    return [{"at": _time(each.at), "text": each.text, "order": each.order_id} for each in story]


def candle_text(about: Asked, found: OfCandle) -> str:
    """Return what came of a candle for a person: the verdict in the first line."""
    from tradebot.model.money import plain
    from tradebot.research.opinion import exposure_words

    verdict, market, opinion = found.verdict, about.market, found.opinion
    said = exposure_words(opinion.exposure_ppm)
    parts = [
        f"{verdict.word.value} {market.symbol} {_time(found.at)}: {verdict.text}",
        f"{about.mode.upper()} {about.exchange}  {about.run}  candle closed "
        f"{_time(found.moment.closed_at)} at {plain(found.close)} {market.quote}; "
        f"{opinion.strategy} said {said}",
        *_opinion_lines(opinion),
        *_journalled_reason(found),
        f"Gate     {_gate_words(found)}",
        *_size_text(found.lines),
        *(f"Stands   {each}" for each in found.standing),
        *_holding_lines(about, found),
        _events_text(found.story),
    ]
    return "\n".join(part for part in parts if part)


def _opinion_lines(opinion: Opinion) -> list[str]:
    signal = opinion.signal
    if signal is None:
        return [f"Says     readings and votes cannot be shown: {opinion.withheld}"]
    lines = [f"Says     {reason}" for reason in signal.reasons]
    said = "; ".join(signal.reasons)
    rest = [f"{name} {value:.6g}" for name, value in signal.readings.items() if name not in said]
    if rest:
        lines.append(f"Readings {', '.join(rest)}")
    lines += [f"Nearest  {miss.words}" for miss in opinion.misses]
    return lines


def _journalled_reason(found: OfCandle) -> list[str]:
    """Return the reason that the order carries, where the opinion cannot be shown."""
    reason = getattr(found.order, "reason", "")
    return [f"Journal  {reason}"] if reason and found.opinion.signal is None else []


def _gate_words(found: OfCandle) -> str:
    refusal = found.verdict.refusal
    if refusal is not None:
        return _refusal_words(refusal)
    if found.order is None and found.verdict.word == "BOUGHT":
        return "not asked: the entry is of an earlier candle"
    if found.order is None:
        return "not asked: no entry was intended"
    return "approved: every control let the entry pass"


def _refusal_words(refusal: IntentRefused) -> str:
    from tradebot.model.money import plain

    apart = abs(refusal.value - refusal.limit)
    side = "over" if refusal.value > refusal.limit else "under"
    miss = f", {plain(apart)} {side} it" if refusal.limit else ""
    return (
        f"refused at {_time(refusal.at)} by {refusal.control}: value {plain(refusal.value)}, limit "
        f"{plain(refusal.limit)}{miss}"
    )


def _size_text(lines: Sequence[Line]) -> list[str]:
    if not lines:
        return []
    rows: list[list[object]] = [
        [each.name, each.result, each.unit, each.how + (each.fault and f"; BUT {each.fault}")]
        for each in lines
    ]
    return [lines_of(rows, ["SIZE", "RESULT>", "UNIT", "HOW"])]


def _holding_lines(about: Asked, found: OfCandle) -> list[str]:
    from tradebot.model.money import plain

    held = found.holding
    if held is None:
        return []
    stop = "no stop rests" if held.stop is None else f"stop {plain(held.stop)}"
    target = "no target rests" if held.target is None else f"target {plain(held.target)}"
    return [
        f"Holds    {plain(held.quantity)} {about.market.base} bought at {cents(held.entry_price)}; "
        f"{stop}, {target}"
    ]


def _events_text(story: Sequence[Told]) -> str:
    if not story:
        return ""
    return lines_of([[_time(each.at), each.text] for each in story], ["TIME", "EVENT"])


# --- one order ----------------------------------------------------------------------------------


def order_json(found: OfOrder) -> dict[str, Any]:
    """Return one order as JSON takes it."""
    intended = found.intended
    return {
        "about": "order",
        "order": {
            **_one_order_json(found.order),
            "kind": intended.kind.value,
            "closed_at": _time(intended.closed_at),
            "reference_price": intended.reference_price,
            "strategy": intended.strategy,
            "reason": intended.reason,
        },
        "gate": {"ruling": "approved"},
        "size": _size_json(found.lines),
        "events": _events_json(found.life),
        "others": [_one_order_json(each) for each in found.others],
        "gain": found.gain,
    }


def _one_order_json(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "leg": order.leg.value,
        "side": order.side.value,
        "status": order.status.value,
        "quantity": order.quantity,
        "filled": order.filled,
        "price": order.price,
        "stop_price": order.stop_price,
    }


def order_text(about: Asked, found: OfOrder) -> str:
    """Return one order for a person: what became of it in the first line."""
    from tradebot.model.money import plain

    order, intended, market = found.order, found.intended, about.market
    price = order.stop_price or order.price
    where = "at the market" if price is None else f"at {plain(price)}"
    parts = [
        f"{order.status.value.upper()} {order.leg.value} {order.id}: {order.side.value} "
        f"{plain(order.quantity)} {market.symbol} {where}, filled {plain(order.filled)}",
        f"{about.mode.upper()} {about.exchange}  {about.run}  decided from the candle closed "
        f"{_time(intended.closed_at)}, reference price {plain(intended.reference_price)} "
        f"{market.quote}, strategy {intended.strategy}",
        f"Reason   {intended.reason}",
        "Gate     approved: every control let it pass",
        *_size_text(found.lines),
        _events_text(found.life),
        _others_text(found.others),
    ]
    if found.gain is not None:
        sign = "+" if found.gain >= 0 else ""
        parts.append(f"Ended    {sign}{plain(found.gain)} {market.quote} after fees")
    return "\n".join(part for part in parts if part)


def _others_text(others: Sequence[Order]) -> str:
    if not others:
        return ""
    rows: list[list[object]] = [
        [
            each.leg.value,
            each.status.value,
            each.quantity,
            each.filled,
            each.stop_price or each.price or "market",
            each.id,
        ]
        for each in others
    ]
    return lines_of(rows, ["SAME TRIP", "STATUS", "QUANTITY>", "FILLED>", "PRICE>", "ID"])


# --- a span -------------------------------------------------------------------------------------


def span_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Return a span as JSON takes it: one object a candle or event."""
    return {
        "about": "span",
        "rows": [
            {
                "at": _time(row.at),
                "close": row.close,
                "exposure_ppm": row.exposure_ppm,
                "verdict": None if row.verdict is None else _verdict_json(row.verdict),
                "text": row.text,
            }
            for row in rows
        ],
    }


def span_text(about: Asked, rows: Sequence[Row]) -> str:
    """Return a span for a person: one line a candle or event."""
    from tradebot.research.opinion import exposure_words

    head = (
        f"{about.mode.upper()} {about.exchange}  {about.run}  {about.market.symbol}  "
        f"{_time(rows[0].at)} .. {_time(rows[-1].at)}"
    )
    shown: list[list[object]] = [
        [
            _time(row.at),
            row.close,
            "" if row.verdict is None else exposure_words(row.exposure_ppm),
            "" if row.verdict is None else row.verdict.word.value,
            row.text,
        ]
        for row in rows
    ]
    return "\n".join([head, lines_of(shown, ["TIME", "CLOSE>", "SIGNAL", "VERDICT", "WHY"])])
