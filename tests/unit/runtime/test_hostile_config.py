"""Every key of the configuration with values that it cannot have: a named error, or no harm."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradebot.errors import ConfigError
from tradebot.runtime.config import Config, load_config
from tradebot.runtime.config_rules import Section

# As TOML writes them. What cannot be seen is refused as text, wherever it stands.
UNSEEN = (r'"a\u0000b"', r'"\u001b[31m"', r'"a\u202eb"', r'"a\nb"', r'"a\u200bb"', r'"\u009b2J"')
NUMBERS = (
    "nan", "-inf", "inf", "1e999", "-1e999", "1e-999", "true", '"nan"', '"1_0"', '"\uff11\uff12"',
    '"1e999"', '" 1"', '"0x10"', "1979-05-27", "[1]", "{ a = 1 }", "9999999999999999999999999",
)  # fmt: skip
TEXTS = (
    '""', '"../../x"', '"/etc/passwd"', '"\uff22\uff34\uff23/USDT"', "\"btc'; DROP\"",
    f'"{"a" * 5000}"', "7", "[]", '["../x"]', '["BTC/USDT/X"]', '["BTC /USDT"]',
    '["=1+1/USDT"]', '["BTC/BTC"]',
)  # fmt: skip


def keys() -> Iterator[tuple[str, str, Any]]:
    """Yield every section, its keys and their types."""
    for section, field in Config.model_fields.items():
        kind = field.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, Section)
        for key, inner in kind.model_fields.items():
            yield section, key, inner.annotation


def given(folder: Path, section: str, key: str, value: str) -> Config:
    """Return the configuration with one value set. Raises ConfigError."""
    file = folder / "c.toml"
    file.write_text(f"[{section}]\n{key} = {value}\n", encoding="utf-8")
    config = load_config(file)
    # What is taken can be traded with, and told.
    config.rules()
    config.digest()
    return config


@pytest.mark.parametrize(("section", "key", "kind"), [*keys()])
def test_text_that_cannot_be_seen_is_refused_in_every_key(
    section: str, key: str, kind: Any, tmp_path: Path
) -> None:
    for value in (*UNSEEN, *(f"[{each}]" for each in UNSEEN), *(f"{{ a = {x} }}" for x in UNSEEN)):
        with pytest.raises(ConfigError) as caught:
            given(tmp_path, section, key, value)
        assert f"{section}.{key}" in caught.value.message


@pytest.mark.parametrize(("section", "key", "kind"), [*keys()])
def test_value_of_another_kind_is_refused_or_does_no_harm(
    section: str, key: str, kind: Any, tmp_path: Path
) -> None:
    for value in (*NUMBERS, *TEXTS):
        try:
            config = given(tmp_path, section, key, value)
        except ConfigError as error:
            refused = error.message
        else:
            refused = ""
        if refused:
            assert f"{section}." in refused
            continue
        taken = getattr(getattr(config, section), key)
        if isinstance(taken, Decimal):
            assert taken.is_finite(), value
            assert abs(taken) < 10**15, value
        # Not even the library's own kindness makes a number of a word.
        is_number = kind in (int, Decimal)
        assert not (is_number and (value.startswith('"') or value == "true")), value
