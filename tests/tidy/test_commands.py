"""Hold README, guide and hints to the command line: what they tell people to type must exist."""

from functools import cache
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command

from tests.tidy.command_lines import (
    CommandLine,
    command_lines,
    commands,
    misunderstanding,
    named_in_sentence,
)
from tests.tidy.rule import ROOT, tree

DOCUMENTS = ("README.md", "PRODUCTION_DEPLOYMENT_GUIDE.md", "CHANGELOG.md", "config.example.toml")


@cache
def program() -> Any:
    """The program's own command object."""
    from tradebot.cli.main import app

    return get_command(app)


def sample() -> Any:
    """Make a small program to read command lines against."""
    app, data = typer.Typer(), typer.Typer()

    @app.command()
    def run(
        seed: int = 1,
        quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False,
        plain: bool = False,
    ) -> None:
        """Run."""

    @data.command("import")
    def import_(file: str, market: Annotated[str, typer.Option()]) -> None:
        """Import."""

    app.add_typer(data, name="data")
    return get_command(app)


def _problems(text: str, root: Any) -> list[str]:
    found = []
    for call in command_lines(text):
        problem = misunderstanding(root, call)
        if problem is not None:
            found.append(f"{call.line}: {problem}")
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_line_in_a_document_exists(document: str) -> None:
    problems = _problems((ROOT / document).read_text(encoding="utf-8"), program())
    if problems:
        pytest.fail("\n".join(f"{document}:{each}" for each in problems), pytrace=False)


def test_every_command_that_the_program_itself_names_exists() -> None:
    problems = [
        f"{source.path}:{call.line}: {problem}"
        for source in tree()
        if source.path.startswith("tradebot/")
        for number, line in enumerate(source.lines, start=1)
        for call in named_in_sentence(number, line)
        if (problem := misunderstanding(program(), call)) is not None
    ]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_every_command_and_every_option_has_help() -> None:
    silent = [name for name, command in commands(program()) if not command.help]
    silent += [
        f"{name} {each.name}"
        for name, command in commands(program())
        for each in command.params
        if not each.help and each.name not in ("install_completion", "show_completion")
    ]
    assert not silent, "say in one line what each does"


def test_the_readme_shows_how_to_start() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = [call.words for call in command_lines(text) if call.is_complete]
    assert ("run",) in typed


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("tradebot walk", "`tradebot` has no command 'walk'"),
        ("tradebot run --sped 2", "`tradebot run` has no option --sped"),
        ("tradebot run --seed", "--seed of `tradebot run` needs a value"),
        ("tradebot run fast", "`tradebot run` takes 0 to 0 arguments, not 1"),
        ("tradebot data import --market X", "`tradebot data import` takes 1 to 1 arguments, not 0"),
        ("tradebot data import a.csv", "`tradebot data import` needs --market"),
        ("a && .venv/bin/tradebot walk", "`tradebot` has no command 'walk'"),
        ("A=1 tradebot walk", "`tradebot` has no command 'walk'"),
        ("sudo -u tradebot /opt/tradebot/bin/tradebot walk", "`tradebot` has no command 'walk'"),
        ("echo x | tradebot walk > y", "`tradebot` has no command 'walk'"),
        ("$ tradebot walk", "`tradebot` has no command 'walk'"),
    ],
)
def test_a_command_line_that_does_not_exist_is_named(line: str, problem: str) -> None:
    assert _problems(f"Type:\n```sh\n{line}\n```\n", sample()) == [f"3: {problem}"]


@pytest.mark.parametrize(
    "line",
    [
        "tradebot run --seed 3 -q --no-plain  # a comment",
        "tradebot run --seed=3; tradebot run",
        "tradebot data import a.csv --market BTC/USDT",
        "tradebot --help && tradebot run --help",
        "tradebot run > out.txt 2>&1 &",
        "pip install tradebot walk",
        "cd /opt/tradebot && ls walk",
        "systemctl start tradebot",
    ],
)
def test_a_command_line_that_exists_is_not_complained_about(line: str) -> None:
    assert _problems(f"```sh\n{line}\n```\n", sample()) == []


def test_output_after_a_prompt_is_not_a_command() -> None:
    text = "```console\n$ tradebot run\ntradebot walk\n```\n"
    assert [call.words for call in command_lines(text)] == [("run",)]


def test_a_unit_file_is_read_for_what_it_starts() -> None:
    text = "```ini\nUser=tradebot\nExecStart=/opt/tradebot/bin/tradebot walk\n```\n"
    assert _problems(text, sample()) == ["3: `tradebot` has no command 'walk'"]


def test_a_sentence_may_name_a_command_without_what_it_needs() -> None:
    assert _problems("Use `tradebot data import` or `tradebot data import FILE`.", sample()) == []
    assert _problems("Use `tradebot data walk`.", sample()) == [
        "1: `tradebot data` has no command 'walk'"
    ]


def test_a_continued_line_is_one_line() -> None:
    text = "```sh\ntradebot run \\\n  --seed 3\n```\n"
    assert list(command_lines(text)) == [CommandLine(2, ("run", "--seed", "3"), is_complete=True)]
