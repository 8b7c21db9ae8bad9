"""Find the `tradebot ...` command lines in a text; say what the program does not know of them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_SEPARATORS = frozenset({"&&", "||", "|", ";", "&", "(", ")", "sudo", "exec", "time", "$"})
_SHELLS = frozenset({"", "sh", "bash", "shell", "console"})
_UNITS = frozenset({"ini", "systemd", "service"})
_ELLIPSIS = frozenset({"...", "…", "|"})


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One call of the program: where it stands, its words, and whether it is meant to be typed.

    In a sentence a command may be named without what it needs; in a block it must be complete.
    """

    line: int
    words: tuple[str, ...]
    is_complete: bool


def command_lines(text: str) -> Iterator[CommandLine]:
    """Yield the command lines of a Markdown text: those in blocks, and those named in sentences."""
    fence, block = None, list[tuple[int, str]]()
    for number, line in enumerate(text.splitlines(), start=1):
        mark = re.match(r"\s*```\s*(\w*)", line)
        if mark and fence is None:
            fence, block = mark[1].lower(), []
        elif mark:
            yield from _in_block(fence or "", block)
            fence = None
        elif fence is not None:
            block.append((number, line))
        else:
            yield from named_in_sentence(number, line)


def named_in_sentence(number: int, line: str) -> Iterator[CommandLine]:
    """Yield the calls that stand between backticks in a line."""
    for span in re.findall(r"`([^`]+)`", line):
        for words in _calls(re.sub(r"\{[^}]*\}", "X", span)):
            yield CommandLine(number, words, is_complete=False)


def _in_block(language: str, block: list[tuple[int, str]]) -> Iterator[CommandLine]:
    prompted = any(line.lstrip().startswith("$ ") for _, line in block)
    joined, start = "", 0
    for number, line in block:
        start = start if joined else number
        joined += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        whole, joined = joined.strip(), ""
        if language in _UNITS:
            is_command, whole = whole.startswith("Exec"), whole.partition("=")[2].lstrip("-+!@:")
        else:
            # With prompts, a line without one is what the program printed.
            is_command = language in _SHELLS and (whole.startswith("$ ") or not prompted)
        if is_command:
            for words in _calls(whole):
                yield CommandLine(start, words, is_complete=True)


def _calls(line: str) -> Iterator[tuple[str, ...]]:
    """Yield the words after `tradebot` of every call of it in a shell line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:
        return  # A lone quote or apostrophe: prose, not a command.
    words: list[str] | None = None
    before = "$"
    for token in [*tokens, ";"]:
        is_first = before in _SEPARATORS or re.fullmatch(r"\w+=.*", before) is not None
        path = PurePosixPath(token)
        is_program = path.name == "tradebot" and (path.parent.name == "bin" or "/" not in token)
        if words is not None and (token in _SEPARATORS or set(token) <= set("<>&|;()")):
            yield tuple(words)
            words = None
        elif words is not None:
            words.append(token)
        elif is_program and (is_first or path.parent.name == "bin"):
            words = []
        before = token


def misunderstanding(root: Any, call: CommandLine) -> str | None:
    """Return what of a call the program does not know, or None.

    `root` is typer's own command object; it has no public type.
    """
    command, name, positional = root, "tradebot", 0
    given: set[str] = set()
    words = [word.strip("[]") for word in call.words if word not in _ELLIPSIS]
    words.reverse()
    while words:
        word = words.pop()
        if word.startswith("-") and len(word) > 1:
            option, has_value, _ = word.partition("=")
            if option == "--help":
                return None
            known = [each for each in command.params if option in _spellings(each)]
            if not known:
                return f"`{name}` has no option {option}"
            given.add(known[0].name)
            for _ in range(0 if has_value or _is_switch(known[0]) else known[0].nargs):
                if not words:
                    return f"{option} of `{name}` needs a value"
                words.pop()
        elif _is_group(command):
            child = command.get_command(command.context_class(command), word)
            if child is None:
                return f"`{name}` has no command {word!r}"
            command, name, positional = child, f"{name} {word}", 0
        elif word:
            positional += 1
    return _wrong_arguments(command, name, positional, given) if call.is_complete else None


def _wrong_arguments(command: Any, name: str, positional: int, given: set[str]) -> str | None:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    most = sum(each.nargs if each.nargs > 0 else 10**6 for each in arguments)
    least = sum(abs(each.nargs) for each in arguments if each.required)
    if not least <= positional <= most:
        return f"`{name}` takes {least} to {most} arguments, not {positional}"
    for each in command.params:
        if each.required and each.param_type_name == "option" and each.name not in given:
            return f"`{name}` needs {each.opts[0]}"
    return None


def _spellings(parameter: Any) -> list[str]:
    if parameter.param_type_name != "option":
        return []
    return [*parameter.opts, *parameter.secondary_opts]


def _is_switch(option: Any) -> bool:
    return bool(option.is_flag or option.count)


def _is_group(command: Any) -> bool:
    return hasattr(command, "list_commands")


def commands(root: Any, name: str = "tradebot") -> Iterator[tuple[str, Any]]:
    """Yield every command under `root`, groups included, by the words that call it."""
    yield name, root
    if _is_group(root):
        context = root.context_class(root)
        for word in root.list_commands(context):
            child = root.get_command(context, word)
            yield from commands(child, f"{name} {word}")
