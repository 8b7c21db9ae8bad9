"""Find a strategy by its name or by the path of a user's own file.

Law: the names of our own strategies are ours; an installed package cannot take them over.
"""

import hashlib
import importlib.util
import inspect
import re
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from tradebot.errors import ConfigError
from tradebot.strategies.base import Strategy, strategy_errors
from tradebot.strategies.blend import Blend
from tradebot.strategies.donchian import Donchian
from tradebot.strategies.ema_cross import EmaCross
from tradebot.strategies.params import did_you_mean
from tradebot.strategies.rsi_reversion import RsiReversion
from tradebot.strategies.vote import Vote

ENTRY_POINT_GROUP = "tradebot.strategies"

BUILT_IN: tuple[type[Strategy], ...] = (Vote, EmaCross, RsiReversion, Donchian, Blend)

_PATH = re.compile(r"(?P<path>.+\.py)(?::(?P<class_name>\w+))?")


def available() -> dict[str, Strategy]:
    """Return every strategy by name: our own, and those of installed packages.

    Raises ConfigError when an installed one cannot be loaded or takes a name that is taken.
    """
    found = {cls.name: cls() for cls in BUILT_IN}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        if _is_our_own(entry):
            continue
        if entry.name in found:
            raise ConfigError(
                f"entry point {entry.name} = {entry.value}: the name {entry.name!r} is taken",
                hint="rename the entry point in the package that declares it, or uninstall it",
            )
        found[entry.name] = _from_entry_point(entry)
    return found


def load(name_or_path: str) -> Strategy:
    """Return the strategy called `vote`, or the one in `path/to/file.py` or `file.py:ClassName`.

    Raises ConfigError. A file is the user's own code and is run by being loaded.
    """
    match = _PATH.fullmatch(name_or_path)
    if match is not None:
        return _from_file(Path(match["path"]).expanduser(), match["class_name"])
    for cls in BUILT_IN:
        # Before the entry points: a broken package does not stop a strategy of ours.
        if cls.name == name_or_path:
            return cls()
    known = available()
    if name_or_path not in known:
        raise ConfigError(
            f"no strategy is called {name_or_path!r}{did_you_mean(name_or_path, known)}",
            hint=f"there are {', '.join(known)}; a file of your own is given as path/to/file.py",
        )
    return known[name_or_path]


def file_digest(name_or_path: str) -> str:
    """Return the hash of what a user's own file holds; "" where the strategy is in no such file."""
    match = _PATH.fullmatch(name_or_path)
    if match is None:
        return ""
    try:
        data = Path(match["path"]).expanduser().read_bytes()
    except OSError:
        return "unreadable"  # As no file is: nothing was ever traded by it.
    return hashlib.sha256(data).hexdigest()


def _is_our_own(entry: EntryPoint) -> bool:
    return any(entry.value == f"{cls.__module__}:{cls.__qualname__}" for cls in BUILT_IN)


def _from_entry_point(entry: EntryPoint) -> Strategy:
    where = f"entry point {entry.name} = {entry.value}"
    with strategy_errors(where, ConfigError):
        cls: object = entry.load()
    strategy = _instance(where, cls)
    if strategy.name != entry.name:
        raise ConfigError(f"{where}: the strategy calls itself {strategy.name!r}")
    return strategy


def _from_file(path: Path, class_name: str | None) -> Strategy:
    if not path.is_file():
        raise ConfigError(
            f"strategy file {path} is not there",
            hint="the path is taken from the folder the program is started in, unless absolute",
        )
    module = _import_file(path)
    classes = {
        name: cls
        for name, cls in vars(module).items()
        if inspect.isclass(cls)
        and issubclass(cls, Strategy)
        and cls.__module__ == module.__name__
        and not inspect.isabstract(cls)
    }
    if class_name is not None:
        cls = getattr(module, class_name, None)
        if cls is None:
            raise ConfigError(
                f"{path}: there is no class {class_name!r}{did_you_mean(class_name, classes)}"
            )
        return _instance(f"{path}:{class_name}", cls)
    if len(classes) != 1:
        names = ", ".join(classes) or "none"
        raise ConfigError(
            f"{path} must hold exactly one complete strategy class; it holds {names}",
            hint=f"name the one you mean, as in {path.name}:ClassName",
        )
    name, cls = classes.popitem()
    return _instance(f"{path}:{name}", cls)


def _import_file(path: Path) -> ModuleType:
    place = path.resolve()
    digest = hashlib.sha256(str(place).encode()).hexdigest()[:12]
    name = f"tradebot_user_strategy_{place.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None, f"no import spec for {place}"
    assert spec.loader is not None, f"no loader for {place}"
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their own module while they are being made.
    sys.modules[name] = module
    try:
        with strategy_errors(f"strategy file {path}", ConfigError):
            spec.loader.exec_module(module)
    except ConfigError:
        del sys.modules[name]
        raise
    return module


def _instance(where: str, cls: object) -> Strategy:
    if not inspect.isclass(cls) or not issubclass(cls, Strategy):
        raise ConfigError(f"{where} is not a subclass of tradebot.strategies.base.Strategy")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise ConfigError(f"{where} is not complete: it lacks {missing}")
    name, params = getattr(cls, "name", None), getattr(cls, "Params", None)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where} must have a class attribute `name`, a text")
    settings = getattr(params, "__dataclass_params__", None)
    if not inspect.isclass(params) or settings is None or not settings.frozen:
        raise ConfigError(f"{where} must have a class attribute `Params`, a frozen dataclass")
    with strategy_errors(where, ConfigError):
        strategy = cls()
    return strategy
