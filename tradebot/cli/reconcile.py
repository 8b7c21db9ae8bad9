"""`tradebot reconcile`: books and exchange beside each other, and a person's word about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.runtime.by_hand import Answered
    from tradebot.runtime.side_by_side import Coin, Compared, Ordered, Waiting

SCHEMA = "tradebot.reconcile/1"
COINS = ["COIN", "JOURNAL>", "WITH ITS FILLS>", "EXCHANGE>", "DIFFERENCE>", "WHAT IT MEANS"]
ORDERS = ["ORDER", "MARKET", "JOURNAL", "EXCHANGE", "WHAT IT MEANS"]
MEANINGS = {
    "order_not_in_journal": "not in this journal: another tradebot's, or an older journal's",
    "other_bot": "of another tradebot, under another name: one bot an account",
    "order_twice": "not the journal's own: a copy of this journal trades, too",
    "order_revived": "never was there by the journal, and is",
    "order_open_unexpectedly": "has ended by the journal, and is open",
    "order_gone": "rests by the journal, and is not open",
    "fills_missing": "has fills that are not booked",
    "fills_unproved": "has fills in the books that the exchange does not tell",
    "position_short": "less than the bot's position: sold or withdrawn by hand?",
    "rest_short": "only a rest too small to sell is gone",
    "cash_short": "less cash than the books: spent or withdrawn by hand?",
    "cash_more": "more cash than the books: a deposit? the bot does not trade with it",
    "coins_more": "more than the books: not the bot's, left alone",
    "coins_less": "less than the books: not the bot's, left alone",
    "fee_coin": "fees are paid in it, and the books do not hold it yet",
}
WORDS = (
    "adopt takes the exchange's word into the books; ignore leaves the books, and does not name\n"
    "the same again; close cancels our orders in a market and sells the bot's position there."
)


def reconcile(
    word: Annotated[
        str | None, typer.Argument(help="adopt, ignore or close; without one, only look.")
    ] = None,
    subject: Annotated[
        str | None, typer.Argument(help="A market, a coin or an order's id; else all.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what a word would do, and do nothing.")
    ] = False,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    passphrase_file: choices.PassphraseFile = None,
    as_json: choices.Json = False,
) -> None:
    """Compare journal and exchange; exit 0 where they agree, 7 where not, 8 while the bot runs."""
    from tradebot.cli.output import emit
    from tradebot.cli.reconciling import asked_for, reconciled
    from tradebot.errors import AccountLocked, NotConfirmed

    asked = asked_for(word, subject, reason=reason, is_dry=dry_run)
    name, answer, waits = reconciled(asked, run, config, passphrase_file)
    if answer is None:
        emit(_running_json(name, waits), _running_text(name, waits), as_json)
        raise typer.Exit(AccountLocked.exit_code)
    emit(_json(name, answer), _text(name, answer), as_json)
    raise typer.Exit(0 if answer.is_agreed else NotConfirmed.exit_code)


def _json(name: str, answer: Answered) -> dict[str, Any]:
    seen = answer.compared
    return {
        "schema": SCHEMA,
        "run": name,
        "running": False,
        "agreed": answer.is_agreed,
        "conclusive": seen.is_conclusive,
        "coins": [
            {
                "coin": each.coin,
                "journal": each.journal,
                "with_fills": each.fills,
                "exchange": each.exchange,
                "difference": each.gap,
                "kind": None if each.difference is None else each.difference.kind.value,
                "ignored": each.is_ignored,
            }
            for each in seen.coins
        ],
        "orders": [
            {
                "id": each.order_id,
                "market": each.market,
                "journal": each.journal,
                "exchange": each.exchange,
                "kind": None if each.difference is None else each.difference.kind.value,
                "ignored": each.is_ignored,
            }
            for each in seen.orders
        ],
        "differences": [each.text for each in seen.differences],
        **_waiting_json(seen.waiting),
        "dry_run": answer.is_dry,
        "done": list(answer.done),
        "problems": list(answer.problems),
    }


def _waiting_json(waits: Waiting) -> dict[str, Any]:
    return {
        "waiting": [each.text for each in waits.found],
        "locked": dict(waits.locks),
        "halted": waits.is_halted,
    }


def _running_json(name: str, waits: Waiting) -> dict[str, Any]:
    return {"schema": SCHEMA, "run": name, "running": True, **_waiting_json(waits)}


def _running_text(name: str, waits: Waiting) -> str:
    lines = [
        f"{name}: the bot runs and compares by itself. This is its journal's last word; "
        "the exchange was not asked."
    ]
    lines += [f"  {each.text}" for each in waits.found] or ["  Nothing waits for a word."]
    lines += _locks(waits)
    if waits.found or waits.locks:
        lines.append("Stop the bot, then type the same again, to look and to decide.")
    return "\n".join(lines)


def _text(name: str, answer: Answered) -> str:
    from tradebot.cli.output import lines_of

    seen = answer.compared
    parts = [f"{name}: {_verdict(answer)}"]
    if answer.is_dry and answer.done:
        parts.append("Nothing was done. This would be:")
    parts += [f"  {line}" for line in answer.done]
    parts.append(lines_of([_coin_row(each) for each in seen.coins], COINS))
    if seen.orders:
        parts.append(lines_of([_order_row(each) for each in seen.orders], ORDERS))
    parts += _locks(seen.waiting)
    if seen.waiting.is_halted:
        parts.append(
            "Trading is halted. After `tradebot resume --reason TEXT` the next `tradebot run` "
            "compares again before it trades."
        )
    parts += [f"Not done: {each}" for each in answer.problems]
    if seen.differences or seen.waiting.locks:
        parts += [WORDS, f"    tradebot reconcile {_example(seen)} --reason TEXT"]
    return "\n".join(parts)


def _verdict(answer: Answered) -> str:
    if answer.is_agreed:
        return "journal and exchange agree."
    seen = answer.compared
    if not seen.is_conclusive:
        return "an order is in doubt, so balances cannot be compared now."
    if not seen.differences:
        return "journal and exchange agree; what is locked waits for your word."
    things = "1 thing differs" if len(seen.differences) == 1 else (
        f"{len(seen.differences)} things differ"
    )
    return f"{things} between journal and exchange."


def _coin_row(each: Coin) -> list[object]:
    cells: list[object] = [each.coin, each.journal, each.fills, each.exchange, each.gap]
    return [*cells, _means(each)]


def _order_row(each: Ordered) -> list[object]:
    market = each.market.partition(":")[2]
    return [each.order_id, market, each.journal, each.exchange, _means(each)]


def _means(each: Coin | Ordered) -> str:
    if each.difference is None:
        return "agrees"
    return "left as it is, by your word" if each.is_ignored else MEANINGS[each.difference.kind]


def _locks(waits: Waiting) -> list[str]:
    return [
        f"{market.partition(':')[2]} takes no entries: {reason}"
        for market, reason in waits.locks.items()
    ]


def _example(seen: Compared) -> str:
    """Return a word and its subject, as they may be typed: what locks, before what is named."""
    if not seen.differences:
        return f"adopt {next(iter(seen.waiting.locks)).partition(':')[2]}"
    first = min(seen.differences, key=lambda each: not each.markets)
    # Nobody else's order can be taken into the books: it is left, and its coins are adopted.
    is_order = any(each.difference == first for each in seen.orders)
    subject = first.subject.partition(":")[2] or first.subject
    return f"{'ignore' if is_order else 'adopt'} {subject}"
