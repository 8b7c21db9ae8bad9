"""A bug of ours: the traceback is whole, and shows no secret that the process holds."""

import importlib

import pytest

from tradebot.adapters.redact import Secret
from tradebot.errors import InvariantError

CANARY = "canary-7f3a9c"


@pytest.mark.parametrize("bug", [AssertionError, InvariantError, RuntimeError])
def test_a_crash_says_where_and_why_and_no_secret(
    bug: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The package has a function of the module's name.
    program = importlib.import_module("tradebot.cli.main")
    held = Secret(CANARY)

    def dies(*, standalone_mode: bool) -> None:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise bug(f"signature=0a1b2c {held.reveal()}") from error

    monkeypatch.setattr(program, "app", dies)
    with pytest.raises(SystemExit) as ended:
        program.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (1, "")
    assert said.err.startswith("Traceback (most recent call last):\n")
    assert "in dies" in said.err
    assert said.err.endswith(f"{bug.__name__}: signature=*** ***\n")
    assert CANARY not in said.err
