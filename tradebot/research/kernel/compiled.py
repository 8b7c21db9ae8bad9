"""Compiling: a function of the kernel, and every rule it calls, from the one text of each.

Law: what is compiled is the text that plain Python runs; there is no second one.
"""

import hashlib
import importlib
import inspect
import types
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from tradebot.engine import rules
from tradebot.errors import ConfigError

_HERE: Final = __name__.rpartition(".")[0]
_SHARED: Final = f"{rules.__name__}."


def compiled(function: Callable[..., Any], folder: Path | None = None) -> Callable[..., Any]:
    """Return the function compiled, with all that it calls; machine code is kept in `folder`.

    Raises ConfigError where numba is not installed.
    """
    try:
        numba = importlib.import_module("numba")
    except ImportError:
        raise ConfigError(
            "the compiled backtest needs numba, which is not installed",
            "pip install 'tradebot[research]', or add --engine session",
        ) from None
    if folder is not None:
        # A change of one text or constant must not run with the machine code of the old one: numba
        # looks at the file of a function alone.
        numba.config.CACHE_DIR = str(folder / digest(function, numba.__version__))
    return _compiled(function, folder is not None)


@cache
def _compiled(function: Callable[..., Any], is_kept: bool) -> Callable[..., Any]:
    numba = importlib.import_module("numba")
    assert isinstance(function, types.FunctionType)
    names = {
        name: _compiled(value, is_kept) if _is_ours(value) else value
        for name, value in function.__globals__.items()
        if name in function.__code__.co_names or name == "__name__"
    }
    clone = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    # Nothing is allocated and no array outlives the call: without numba's counting of who holds
    # which, a candle takes a third of the time.
    made: Callable[..., Any] = numba.njit(
        cache=is_kept, nogil=True, error_model="numpy", _nrt=False
    )(clone)
    return made


def _is_ours(value: Any) -> bool:
    return inspect.isfunction(value) and value.__module__.startswith((_SHARED, f"{_HERE}."))


def digest(function: Callable[..., Any], version: str) -> str:
    """Return the hash of every text and constant that is compiled, and of what compiles it."""
    seen: dict[str, str] = {}
    _note(function, seen)
    texts = [version, *(f"{name} {seen[name]}" for name in sorted(seen))]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _note(function: Callable[..., Any], seen: dict[str, str]) -> None:
    assert isinstance(function, types.FunctionType)
    place = f"{function.__module__}.{function.__name__}"
    if place in seen:
        return
    seen[place] = inspect.getsource(function)
    for name in function.__code__.co_names:
        value: Any = function.__globals__.get(name)
        if _is_ours(value):
            # Which function a name stands for is said by an import, outside the text.
            seen[f"{place}.{name}"] = f"{value.__module__}.{value.__name__}"
            _note(value, seen)
        elif isinstance(value, int):
            seen[f"{place}.{name}"] = repr(value)
        elif inspect.isclass(value) and issubclass(value, IntEnum):
            seen[f"{place}.{name}"] = repr([(each.name, each.value) for each in value])
