"""The audit log, as the owner reads it after a day of work."""

from pathlib import Path

from tests.support.servers import webhook
from tests.support.shell import refused, typed
from tradebot.adapters.audit import AuditKind, AuditLog

WORDS = "I trade real money without a rehearsed emergency stop"


def test_starts_halts_overrides_and_refusals_are_on_record(busy: Path) -> None:
    typed("run")
    typed("kill", "--reason", "that's enough")
    typed("run", code=6)
    typed("run", "--testnet", code=6)
    typed("resume", "--reason", "all is well")
    typed("arm", "--override", "drill", "--sentence", WORDS, "--reason", "a test", code=6)
    typed("run", "--live", code=6)
    shown = typed("journal", "audit", "--json").json
    assert (shown["schema"], shown["entries"], shown["fault"]) == ("tradebot.audit/1", 8 + 2, None)
    lines = [each for each in shown["lines"] if each["kind"] not in ("reviewed", "evidence")]
    told = [(each["kind"], each["details"]) for each in lines]
    halted = {"code": 6, "error": "trading is halted: that's enough"}
    assert told[:5] == [
        ("latch_cleared", {"reason": "first run"}),
        ("started", {"mode": "sandbox", "run": "sandbox-0001"}),
        ("latch_closed", {"reason": "that's enough"}),
        ("start_refused", {"mode": "sandbox", **halted}),
        ("start_refused", {"mode": "testnet", **halted}),
    ]
    assert told[5][1] == {"reason": "all is well", "was": "that's enough"}
    assert told[6][1] == {
        "code": "drill", "reason": "a test", "exchange": "binance", "account": "main",
    }  # fmt: skip
    assert told[7][1]["error"].startswith("not armed for real money: days")


def test_a_broken_configuration_is_a_refused_start_where_tradebot_was_used(busy: Path) -> None:
    (busy / "bad.toml").write_text("[bot]\nmarket = 1\n")
    refused(78, "run", "--config", "bad.toml")
    assert not (busy / "logs").exists()
    (busy / "logs").mkdir()
    typed("run", "--config", "bad.toml", code=78)
    typed("run", "--testnet", "--seed", "1", code=2)
    (entry,) = typed("journal", "audit", "--json").json["lines"]
    assert (entry["kind"], entry["details"]["code"]) == ("start_refused", 78)


def test_another_mode_than_last_time_is_on_record(busy: Path) -> None:
    AuditLog(busy / "logs", lambda: 1).record(AuditKind.STARTED, run="x", mode="testnet")
    typed("run")
    *_, changed, started = typed("journal", "audit", "--json").json["lines"]
    assert (changed["kind"], started["kind"]) == ("mode_changed", "started")
    assert changed["details"] == {"before": "testnet", "mode": "sandbox"}


def test_what_is_unusual_reaches_the_owner_s_phone(busy: Path, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    unlock = ("--passphrase-file", str(passphrase))
    with (busy / "config.toml").open("a") as file:
        file.write('[alerts]\nchannels = ["slack"]\nkinds = ["stop"]\n')
    with webhook() as hook:
        typed("keys", "add", "slack", "--stdin", *unlock, stdin=hook.url)
        typed("run", *unlock)
        path = busy / "logs" / "audit.jsonl"
        kept = path.read_text()
        number = next(at for at, line in enumerate(kept.splitlines(), 1) if "first run" in line)
        path.write_text(kept.replace("first run", "never ran"))
        typed("run", *unlock)
    told = [post["text"] for _, post in hook.posted if "audit: " in post["text"]]
    (only,) = told
    assert only.startswith("[SANDBOX binance] audit: ")
    assert only.endswith(f"audit.jsonl: line {number} was changed")
    shown = typed("journal", "audit", code=1).out.splitlines()
    assert shown[-1].startswith(f"{number - 1} entries, FAULT: line {number} was changed, head ")
    assert '{"reason": "never ran"}' in shown[number - 1]
