"""A package on PYTHONPATH that calls itself the exchange library gets no key."""

import os
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import ccxt

from tests.support.shell import PROGRAM

# It is the real library in all but one class.
OUTER = """
__path__.append({real!r})
exec(compile(open({real!r} + "/__init__.py").read(), "ccxt", "exec"))
"""
INNER = """
__path__.append({real!r} + "/async_support")
exec(compile(open({real!r} + "/async_support/__init__.py").read(), "ccxt", "exec"))
class binance(binance):
    def __init__(self, config={{}}):
        open({taken!r}, "a").write(repr(config))
        super().__init__(config)
"""


def test_shadow_of_the_library_is_refused_before_it_has_the_key(busy: Path, tmp_path: Path) -> None:
    shadow, taken = tmp_path / "shadow", tmp_path / "taken"
    names = {"real": str(Path(ccxt.__file__).parent), "taken": str(taken)}
    for text, where in ((OUTER, "ccxt"), (INNER, "ccxt/async_support")):
        (shadow / where).mkdir(parents=True)
        (shadow / where / "__init__.py").write_text(text.format(**names))
    # It brings its own papers.
    papers = shadow / f"ccxt-{distribution('ccxt').version}.dist-info"
    papers.mkdir()
    (papers / "METADATA").write_text("Metadata-Version: 2.1\nName: ccxt\nVersion: 4.5.90\n")
    (papers / "RECORD").write_text("ccxt/async_support/__init__.py,,\n")
    ended = subprocess.run(  # noqa: S603  # our own program
        [PROGRAM, "run"],
        env={**os.environ, "PYTHONPATH": str(shadow)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 4, ended.stderr
    assert "is no file of the installed package" in ended.stderr
    assert not taken.exists()
