"""What is mutated, and the quick tests that must notice."""

from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True, slots=True)
class Group:
    """Modules that are judged together, and the tests that cover them, as patterns of paths."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def holds(self, module: str) -> bool:
        """Return whether a module, by its dotted name, is one of the group's."""
        path = f"{module.replace('.', '/')}.py"
        return any(fnmatch(path, each) for each in self.modules)


GATE = Group(
    "gate",
    (
        "tradebot/engine/risk.py",
        "tradebot/engine/controls/*.py",
        "tradebot/engine/track.py",
        "tradebot/engine/stage.py",
        "tradebot/engine/sizing.py",
    ),
    (
        "tests/unit/engine/controls",
        "tests/unit/engine/test_risk.py",
        "tests/unit/engine/test_order_id.py",
        "tests/unit/engine/test_compare_other_bot.py",
        "tests/unit/engine/test_pace_of_exits.py",
        "tests/unit/engine/test_track.py",
        "tests/unit/engine/test_track_orders.py",
        "tests/unit/engine/test_stage.py",
        "tests/unit/engine/test_sizing.py",
        "tests/property/test_losses.py",
    ),
)
RULES = Group(
    "rules",
    ("tradebot/engine/rules/*.py",),
    (
        "tests/unit/engine/rules",
        "tests/unit/engine/controls/test_amounts.py",
        "tests/unit/engine/test_entries.py",
        "tests/property/test_rules_exact.py",
    ),
)
LATCH = Group(
    "latch",
    ("tradebot/adapters/latch.py", "tradebot/runtime/kill_latch.py"),
    ("tests/unit/adapters/test_latch.py", "tests/unit/runtime/test_kill_latch.py"),
)
DECISION = Group(
    "decision",
    (
        "tradebot/engine/decide.py",
        "tradebot/engine/entries.py",
        "tradebot/engine/orders.py",
    ),
    (
        "tests/unit/engine/test_decide.py",
        "tests/unit/engine/test_decide_words.py",
        "tests/unit/engine/test_entries.py",
        "tests/unit/engine/test_trailing.py",
        "tests/unit/engine/test_unprotected.py",
        "tests/unit/engine/test_state.py",
    ),
)
PROTECTION = Group(
    "protection",
    ("tradebot/engine/protect.py", "tradebot/engine/guarded.py"),
    (
        "tests/unit/engine/test_pace_of_exits.py",
        "tests/unit/engine/test_protect.py",
        "tests/unit/engine/test_decide.py",
        "tests/unit/engine/test_entries.py",
        "tests/unit/engine/test_trailing.py",
        "tests/unit/engine/test_unprotected.py",
    ),
)
CARRYING = Group(
    "carrying",
    ("tradebot/runtime/carrying.py", "tradebot/adapters/gate_tokens.py"),
    (
        "tests/unit/adapters/test_gate_tokens.py",
        "tests/unit/runtime/test_carrying.py",
        "tests/unit/runtime/test_session*.py",
        "tests/unit/runtime/test_limits*.py",
    ),
)
BROKER = Group(
    "broker",
    ("tradebot/adapters/broker.py",),
    (
        "tests/unit/adapters/test_broker.py",
        "tests/contract/test_brokers.py",
        "tests/contract/test_broker_faults.py",
        "tests/contract/test_broker_words.py",
        "tests/contract/test_bans.py",
        "tests/unit/runtime/test_dead_man.py",
    ),
)
REDACTION = Group(
    "redaction",
    ("tradebot/adapters/redact.py",),
    ("tests/unit/adapters/test_redact.py",),
)
GROUPS = (GATE, RULES, LATCH, DECISION, PROTECTION, CARRYING, BROKER, REDACTION)
