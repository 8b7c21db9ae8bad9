"""Where the logs are is found in whatever is left of a configuration, as the whole one says it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.errors import ConfigError
from tradebot.runtime.config import load_config
from tradebot.runtime.salvage import salvaged_logs

SPELLINGS = (
    '[paths]\nlogs = "data"\n',
    "[paths]\nlogs = 'data' # ours\n",
    '[ "paths" ]\n"logs" = "d\\u0061ta"\n',
    'paths = { keystore = "k", logs = "data" }\n',
    'paths.logs = "data"\n',
    'paths . "logs" = "data"\n',
)
# What is wrong elsewhere: by the rules, and for the reader itself.
SLIPS = (
    "[bot]\nnmae = 3\n",
    "[oops\n",
    "[risk]\norder_notional_max = 1e9999999999999999999999\n",
    f"[sandbox]\nseed = {'9' * 5_000}\n",
    f"x = {'[' * 20_000}\n",
    f"{'[' * 20_000}\n",
    '[strategy]\nname = "a\\u0000b"\n',
    f"[sandbox]\nseed = 0x{'f' * 5_000}\n",
    f"# {'x' * 2_000_000}\n",
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_is_found_as_the_configuration_reads_it(text: str) -> None:
    Path("config.toml").write_text(text)
    assert salvaged_logs(None) == load_config(None).paths.logs == Path("data")


@pytest.mark.parametrize("slip", SLIPS[:8], ids=range(8))
@pytest.mark.parametrize("text", SPELLINGS)
def test_what_is_wrong_elsewhere_hides_no_spelling_and_is_a_config_error(
    text: str, slip: str
) -> None:
    """Symptom: the latch of another folder was closed; or, with a traceback, none at all."""
    Path("config.toml").write_text(text + slip)
    assert salvaged_logs(None) == Path("data")
    with pytest.raises(ConfigError):
        load_config(None)


@pytest.mark.parametrize(
    "text",
    [
        *SLIPS,
        '[paths]\nlogs = "a\\u0000b"\n',
        '[paths]\nlogs = ""\n',
        "[paths]\nlogs = 3\n",
        "paths = 3\n",
        '[bot.paths]\nlogs = "data"\n[oops\n',
        '[paths-of]\nlogs = "data"\n[oops\n',
        '[bot]\npaths.logs = "data"\n[oops\n',
        "\0",
    ],
)
def test_where_none_is_told_it_is_the_default(text: str) -> None:
    Path("config.toml").write_text(text)
    assert salvaged_logs(None) == Path("logs")


def test_header_that_is_not_closed_is_still_one() -> None:
    Path("config.toml").write_text('[paths\nlogs = "data"\n')
    assert salvaged_logs(None) == Path("data")


def test_paths_are_relative_to_the_folder_of_the_file_that_sets_them() -> None:
    """Symptom: `kill --config ../p/config.toml` closed a latch in the working directory."""
    folder = Path("project")
    folder.mkdir()
    file = folder / "config.toml"
    for text, logs in (("", "logs"), ('paths.logs = "data"', "data")):
        file.write_text(text)
        assert salvaged_logs(file) == load_config(file).paths.logs == folder / logs
        assert load_config(file).paths.keystore == folder / "keystore"
    file.write_text('paths.logs = "/var/data"')
    assert salvaged_logs(file) == load_config(file).paths.logs == Path("/var/data")
    assert salvaged_logs(None) == load_config(None).paths.logs == Path("logs")
    assert salvaged_logs(folder / "none.toml") == Path("logs")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_not_waited_for(kind: str) -> None:
    if kind == "pipe":
        os.mkfifo("config.toml")
    else:
        Path("config.toml").mkdir()
    assert salvaged_logs(None) == Path("logs")
    with pytest.raises(ConfigError, match=r"is a pipe|Is a directory"):
        load_config(None)


@given(text=st.text() | st.lists(st.sampled_from([*SPELLINGS, *SLIPS[:2], '"', "[", "=", "\n"])))
def test_no_text_makes_it_raise(text: str | list[str]) -> None:
    Path("config.toml").write_text("".join(text), encoding="utf-8", errors="replace")
    salvaged_logs(None)
