"""Which classes are believed to be the exchange library's."""

import sys
from types import ModuleType
from typing import Any

import ccxt.async_support as library
import pytest

from tests.support.sandbox import KEY, SECRET
from tradebot.adapters import genuine
from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings
from tradebot.adapters.genuine import genuine_class
from tradebot.errors import NotGenuine

REAL = library.binance


class Thief:
    """What a planted class was given."""

    def __init__(self) -> None:
        self.taken: list[object] = []

    def planted(self, base: type = REAL, **names: object) -> type:
        """Return a class that looks like the exchange's, and keeps what it is given."""
        taken = self.taken

        def begin(this: Any, config: object = None) -> None:
            taken.append(config)
            base.__init__(this, config or {})  # type: ignore[misc]  # of any class

        return type("binance", (base,), {"__init__": begin, **names})


@pytest.mark.parametrize("name", ["binance", "bybit", "coinbase", "kraken", "kucoin", "okx"])
def test_class_of_the_installed_library_is_believed(name: str) -> None:
    assert genuine_class(library, name) is getattr(library, name)


@pytest.mark.parametrize(
    "names",
    [{}, {"__module__": REAL.__module__}, {"__module__": "planted"}],
    ids=["as it is", "under the real module's name", "in a module of its own"],
)
def test_planted_look_alike_is_refused_before_it_has_the_key(
    names: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    thief = Thief()
    look_alike = thief.planted(**names)
    own = ModuleType("planted")
    own.__file__ = sys.modules[REAL.__module__].__file__ + ".py"  # type: ignore[operator]  # it has one
    own.binance = look_alike  # type: ignore[attr-defined]  # planted here
    monkeypatch.setitem(sys.modules, "planted", own)
    monkeypatch.setattr(library, "binance", look_alike)
    with pytest.raises(NotGenuine) as caught:
        CcxtClient(ClientSettings(exchange="binance", api_key=KEY, secret=SECRET))
    assert caught.value.exit_code == 4
    assert "nothing was given to it" in caught.value.hint
    assert thief.taken == []


def test_look_alike_under_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "binance", library.kraken)
    with pytest.raises(NotGenuine, match="has no exchange class binance"):
        genuine_class(library, "binance")


def test_planted_parent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A genuine class whose parent was exchanged does what the parent does."""
    parent = REAL.__mro__[1]
    monkeypatch.setattr(sys.modules[parent.__module__], parent.__name__, type("Exchange", (), {}))
    with pytest.raises(NotGenuine, match="is not what its module says"):
        genuine_class(library, "binance")


def test_file_that_was_changed_since_it_was_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package, recorded = genuine._recorded()
    for listed in ("ccxt/async_support/binance.py", "ccxt/base/exchange.py"):
        changed = {**recorded, listed: "sha256=another"}
        monkeypatch.setattr(genuine, "_recorded", lambda changed=changed: (package, changed))
        with pytest.raises(NotGenuine, match="is not as it was installed"):
            genuine_class(library, "binance")


def test_library_outside_the_interpreter_s_own_folders_is_not_the_installed_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("sysconfig.get_paths", lambda: dict.fromkeys(("purelib", "platlib"), "x"))
    monkeypatch.setattr("site.getsitepackages", lambda: [str(tmp_path)])
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NotGenuine, match=f"^ccxt is not installed in x or {tmp_path}$"):
        genuine_class(library, "binance")
