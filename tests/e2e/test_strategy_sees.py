"""What a user's strategy is given leads to no credential, no exchange and no configuration."""

import json
from pathlib import Path

from tests.support.shell import typed
from tradebot.runtime.assemble import SANDBOX_KEY, SANDBOX_SECRET

# Walks all that can be reached from what it is given, and names the types that it met.
CURIOUS = """
import gc, json
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
import numpy as np
from tradebot.strategies.base import Explanation, Strategy

SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType)

class Curious(Strategy):
    name = "curious"

    @dataclass(frozen=True, slots=True)
    class Params:
        pass

    def warmup(self, params):
        return 3

    def explain(self, candles, params):
        return Explanation(confidence=1.0, reasons=("because",))

    def exposure(self, candles, params):
        met, waiting = {}, [self, candles, params]
        while waiting:
            each = waiting.pop()
            if id(each) in met or isinstance(each, SHARED):
                continue
            met[id(each)] = each
            waiting += gc.get_referents(each)
        names = {f"{type(each).__module__}.{type(each).__qualname__}" for each in met.values()}
        texts = [each for each in met.values() if isinstance(each, str)]
        Path("met.json").write_text(json.dumps({"types": sorted(names), "texts": texts}))
        return np.where(np.arange(len(candles)) % 2, 1.0, 0.0)
"""


def test_strategy_reaches_nothing_that_holds_a_key(folder: Path) -> None:
    (folder / "config.toml").write_text("[sandbox]\ncandles = 5\n")
    (folder / "curious.py").write_text(CURIOUS)
    typed("run", "--strategy", "curious.py:Curious")
    met = json.loads((folder / "met.json").read_text())
    types = set(met["types"])
    assert {"pandas.DataFrame", "numpy.ndarray"} & types, "it looked at its candles"
    ours = {each for each in types if each.startswith("tradebot.")}
    assert not ours, f"of the program itself it reaches {ours}"
    assert not {each for each in types if each.startswith(("ccxt", "aiohttp", "requests"))}
    assert not {SANDBOX_KEY, SANDBOX_SECRET} & set(met["texts"])
