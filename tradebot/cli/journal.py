"""`tradebot journal`: verify the chain of events, show them, back them up; and the audit log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import choices

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The journal: verify, show, backup; audit."
)

SCHEMA, AUDIT_SCHEMA = "tradebot.journal/1", "tradebot.audit/1"


@app.command()
def verify(
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Check the file, the chain and every event; exit 1 at the first fault."""
    from tradebot.adapters.journal import verify as verify_journal
    from tradebot.cli.output import emit
    from tradebot.runtime.config import load_config
    from tradebot.runtime.runs import Runs

    found = Runs(load_config(config).paths.logs).find(run)
    verdict = verify_journal(found.journal)
    values = {"run": found.name, "events": verdict.events, "head": verdict.head}
    text = f"{found.name}: {verdict.events} events, chain unbroken, head {verdict.head}"
    if verdict.fault:
        text = f"{found.name}: FAULT after {verdict.events} events: {verdict.fault}"
    emit({"schema": SCHEMA, **values, "fault": verdict.fault or None}, text, as_json)
    raise typer.Exit(1 if verdict.fault else 0)


@app.command()
def show(
    run: choices.RunName = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only events of this kind.")] = None,
    last: Annotated[int, typer.Option("--last", min=0, help="Only the newest; 0 = all.")] = 0,
    config: choices.ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Show the events, oldest first, one a line."""
    from tradebot.adapters.journal import entries
    from tradebot.cli.output import visible
    from tradebot.runtime.config import load_config
    from tradebot.runtime.runs import Runs

    found = Runs(load_config(config).paths.logs).find(run)
    chosen = [each for each in entries(found.journal) if kind in (None, each.kind)]
    for entry in chosen[-last:]:
        if as_json:
            body = json.loads(entry.body)
            line = {"seq": entry.seq, "kind": entry.kind, "body": body, "hash": entry.hash}
            typer.echo(json.dumps(line))
        else:
            typer.echo(visible(f"{entry.seq}\t{entry.kind}\t{entry.body}"))


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="The file to make; it must not exist.")],
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Copy the journal while the bot writes, and verify the copy."""
    from tradebot.adapters.clock import WallClock
    from tradebot.adapters.evidence import BACKUPS
    from tradebot.adapters.journal_backup import back_up
    from tradebot.adapters.proofs import prove
    from tradebot.cli.output import emit
    from tradebot.runtime.config import load_config
    from tradebot.runtime.run_audit import audit_log
    from tradebot.runtime.runs import Runs

    logs = load_config(config).paths.logs
    found = Runs(logs).find(run)
    verdict = back_up(found.journal, to)
    values = {"run": found.name, "events": verdict.events, "head": verdict.head, "file": str(to)}
    made = {**values, "file": str(to.absolute()), "at": WallClock().now_ms()}
    prove(audit_log(logs), BACKUPS, made)
    text = f"{found.name}: {verdict.events} events in {to}, chain unbroken, head {verdict.head}"
    emit({"schema": SCHEMA, **values}, text, as_json)


@app.command()
def audit(
    last: Annotated[int, typer.Option("--last", min=0, help="Only the newest; 0 = all.")] = 0,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Show the audit log: unlocks, keys, halts, overrides; exit 1 where its chain is broken."""
    from dataclasses import asdict

    from tradebot.adapters.audit import AuditLog
    from tradebot.adapters.clock import WallClock
    from tradebot.cli.output import emit
    from tradebot.model.timeframe import format_time
    from tradebot.runtime.config import load_config

    log = AuditLog(load_config(config).paths.logs, WallClock().now_ms)
    entries, verdict = log.entries()[-last:], log.verify()
    lines = [
        f"{format_time(each.at)}\t{each.kind}\t{each.host}\t{each.pid}\t{json.dumps(each.details)}"
        for each in entries
    ]
    state = f"FAULT: {verdict.fault}" if verdict.fault else "chain unbroken"
    torn = f", {verdict.torn} torn lines" if verdict.torn else ""
    lines.append(f"{verdict.entries} entries{torn}, {state}, head {verdict.head}")
    values = {**asdict(verdict), "fault": verdict.fault or None}
    values["lines"] = [asdict(each) for each in entries]
    emit({"schema": AUDIT_SCHEMA, **values}, "\n".join(lines), as_json)
    raise typer.Exit(1 if verdict.fault else 0)
