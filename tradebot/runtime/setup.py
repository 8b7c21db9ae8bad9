"""A new project's files: the commented configuration and the folders, never overwriting."""

from importlib.resources import files
from pathlib import Path

from tradebot.errors import TradebotError

EXAMPLE = "config.example.toml"
FOLDERS = {"logs": 0o700, "keystore": 0o700}


def initialise(folder: Path) -> list[Path]:
    """Make what is missing in `folder` and return it. Raises TradebotError where it cannot."""
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, mode in FOLDERS.items():
            path = folder / name
            if not path.exists():
                path.mkdir(mode=mode)
                made.append(path)
        target = folder / "config.toml"
        if not target.exists():
            target.write_text(_example(), encoding="utf-8")
            made.append(target)
    except OSError as error:
        raise TradebotError(
            f"{folder} cannot be set up: {error.strerror}", hint="choose a folder you may write to"
        ) from error
    return made


def _example() -> str:
    """Return the example: inside an installed package, beside it in a checkout."""
    package = files("tradebot")
    inside = package.joinpath(EXAMPLE)
    source = inside if inside.is_file() else Path(str(package)).parent / EXAMPLE
    return source.read_text(encoding="utf-8")
