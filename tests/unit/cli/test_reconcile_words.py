"""`tradebot reconcile`: every kind of difference has its words."""

from tradebot.cli.reconcile import MEANINGS
from tradebot.engine.compare import Kind


def test_every_kind_of_difference_is_explained() -> None:
    assert MEANINGS.keys() == {kind.value for kind in Kind}
