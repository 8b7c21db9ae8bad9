"""Compiling: a function of the kernel, and every rule it calls, from the one text of each.

Law: what is compiled is the text that plain Python runs; there is no second one.
"""

import hashlib
import importlib
import inspect
import pkgutil
import types
from collections.abc import Callable
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
        # A change of one text must not run with the machine code of another's old one.
        numba.config.CACHE_DIR = str(folder / _digest(numba.__version__))
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
    made: Callable[..., Any] = numba.njit(
        cache=is_kept, nogil=True, error_model="numpy", _nrt=False
    )(clone)
    return made


def _is_ours(value: Any) -> bool:
    return inspect.isfunction(value) and value.__module__.startswith((_SHARED, f"{_HERE}."))


@cache
def _digest(version: str) -> str:
    """Return the hash of every text that may be compiled, and of what compiles it."""
    texts = [version]
    for package in (rules, importlib.import_module(_HERE)):
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            texts.append(inspect.getsource(module))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
