"""Hold README and guide to the code: what they list, quote, count and claim must be so."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from tests.tidy.command_lines import commands
from tests.tidy.rule import ROOT
from tradebot import errors
from tradebot.engine import fills
from tradebot.strategies.registry import BUILT_IN

README = ROOT / "README.md"
GUIDE = ROOT / "PRODUCTION_DEPLOYMENT_GUIDE.md"
DOCUMENTS = (
    "README.md",
    "PRODUCTION_DEPLOYMENT_GUIDE.md",
    "benchmarks/README.md",
    "docs/invariants.md",
)
SET_UP = (
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/tradebot run",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
)
# Told beside the codes of errors.py: no error, a mistyped command, and the two signals.
OTHER_CODES = frozenset({0, 2, 130, 143})


def blocks(text: str) -> list[str]:
    """Return the fenced blocks of a Markdown text."""
    return re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next of any level."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, flags=re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"there is no heading {title!r}"
    return found[1]


def numbered(text: str) -> list[str]:
    """Return the items of the numbered list in a text, each on one line."""
    items: list[str] = []
    for line in text.splitlines():
        start = re.match(r"(\d+)\. +(.*)", line)
        if start:
            assert int(start[1]) == len(items) + 1, line
            items.append(start[2])
        elif items and line.startswith("    "):
            items[-1] += " " + line.strip()
    return items


def named_tests(text: str) -> Iterator[tuple[str, str]]:
    """Yield file and function of every test that a text names as `tests/x.py::test_y`."""
    yield from re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


def missing_tests(text: str) -> list[str]:
    """Return the tests that a text names and that are not there."""
    missing = []
    for file, name in named_tests(text):
        path = ROOT / file
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
        if name not in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}:
            missing.append(f"{file}::{name}")
    return missing


def first_cells(text: str) -> list[str]:
    """Return the first cell of every row of the tables in a text, headings left out."""
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return [cell.strip("`") for cell in rows if set(cell) - set("-: ")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_document_names_exists(document: str) -> None:
    missing = missing_tests((ROOT / document).read_text(encoding="utf-8"))
    assert not missing, "rename it in the document, or write the test"


def broken_links(document: Path) -> list[str]:
    """Return the places in the project that a document links to and that are not there."""
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", text)
    return [link for link in links if link and not (document.parent / link).exists()]


def test_every_link_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
    assert len(documents) > 5
    broken = {str(each.relative_to(ROOT)): broken_links(each) for each in documents}
    assert not {name: links for name, links in broken.items() if links}


def test_every_claim_of_the_readme_names_a_test() -> None:
    claims = section(README.read_text(encoding="utf-8"), "Claims, and the tests that prove them")
    rows = [line for line in claims.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        assert list(named_tests(row)), row


@pytest.mark.parametrize("line", SET_UP)
def test_each_set_up_line_stands_alone_in_its_block(line: str) -> None:
    assert f"{line}\n" in blocks(README.read_text(encoding="utf-8"))


def test_the_readme_states_the_assumptions_of_the_fills_word_for_word() -> None:
    told = numbered(section(README.read_text(encoding="utf-8"), "How fills are simulated"))
    coded = numbered(fills.__doc__ or "")
    assert coded
    assert told == coded, "copy the list from the docstring of engine/fills.py"


def test_the_readme_shows_the_example_strategy_as_it_is() -> None:
    example = (ROOT / "examples" / "above_mean.py").read_text(encoding="utf-8")
    assert example in blocks(README.read_text(encoding="utf-8"))


def test_the_readme_lists_every_command() -> None:
    from tradebot.cli.main import app

    leaves = {name for name, each in commands(get_command(app)) if not hasattr(each, "commands")}
    listed = first_cells(section(README.read_text(encoding="utf-8"), "Commands"))
    assert set(listed[1:]) == leaves


def test_the_readme_lists_every_strategy() -> None:
    listed = first_cells(section(README.read_text(encoding="utf-8"), "Strategies"))
    assert listed[1:] == [each.name for each in BUILT_IN]


def test_every_path_in_the_tree_of_the_readme_exists() -> None:
    (tree,) = blocks(section(README.read_text(encoding="utf-8"), "The tree"))
    for line in tree.splitlines():
        name = line.split()[0]
        path = ROOT / "tradebot" / name if line.startswith(" ") else ROOT / name
        assert path.exists(), line


def test_every_file_on_the_path_of_an_order_exists() -> None:
    path = section(README.read_text(encoding="utf-8"), "How one candle becomes one order")
    files = re.findall(r"`(tradebot/[\w/]+\.py)`", path)
    assert len(files) >= 10
    for file in files:
        assert (ROOT / file).is_file(), file
    for name, file in re.findall(r"`(\w+)` in `(tradebot/[\w/]+\.py)`", path):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"def {name}\b", text), f"{file} has no {name}"


def test_the_guide_explains_every_exit_code() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    coded = {each.exit_code for each in kinds if issubclass(each, errors.TradebotError)}
    listed = first_cells(section(GUIDE.read_text(encoding="utf-8"), "Exit codes"))
    assert {int(cell) for cell in listed[1:]} == coded | OTHER_CODES


def test_the_unit_of_the_guide_does_not_restart_what_a_restart_cannot_mend() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    found = re.search(r"^RestartPreventExitStatus=(.*)$", guide, flags=re.MULTILINE)
    assert found is not None
    person_needed = {
        errors.UsageError.exit_code,
        errors.KeystoreError.exit_code,
        errors.Halted.exit_code,
        errors.AccountLocked.exit_code,
        errors.ConfigError.exit_code,
    }
    assert {int(code) for code in found[1].split()} == person_needed


def test_a_test_that_is_not_there_is_found() -> None:
    here = "tests/tidy/test_documents.py"
    text = f"`{here}::test_a_test_that_is_not_there_is_found` `{here}::test_x` `tests/y.py::test_z`"
    assert missing_tests(text) == [f"{here}::test_x", "tests/y.py::test_z"]


def test_a_list_is_read_item_by_item() -> None:
    assert numbered("Before.\n1.  One\n    goes on.\n2.  Two.\n\nAfter.\n") == [
        "One goes on.",
        "Two.",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_the_unit_of_the_guide_is_understood_by_systemd(tmp_path: Path) -> None:
    (unit,) = [each for each in blocks(GUIDE.read_text(encoding="utf-8")) if "ExecStart=" in each]
    path = tmp_path / "tradebot.service"
    # The program and its user are not installed here; all else is judged as it stands.
    started = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit, flags=re.MULTILINE)
    path.write_text(started, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(path)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # a fixed command
    assert judged.returncode == 0, judged.stderr
    assert "tradebot.service" not in judged.stderr
