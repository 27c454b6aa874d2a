"""Rows: what they refuse, and that they survive JSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bakeoff.spec import codec
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import (
    Attention,
    Classes,
    Conv,
    Flatten,
    GlobalPool,
    Head,
    LayerNorm,
    Network,
    Positions,
    Residual,
    Scale,
    Whiten,
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Conv(width=8, groups=4, start="dirac"),
            "Conv.start must be 'random' where there are groups, but is 'dirac'.",
        ),
        (lambda: Whiten(kernel=9), "Whiten.kernel must be between 1 and 8, but is 9."),
        (lambda: Whiten(epsilon=0), "Whiten.epsilon must be greater than 0, but is 0.0."),
        (lambda: Scale(start=0), "Scale.start must be greater than 0, but is 0.0."),
        (lambda: Attention(heads=0), "Attention.heads must be greater than 0, but is 0."),
        (
            lambda: Residual(body=(Flatten(),), drop=1),
            "Residual.drop must be at least 0 and below 1, but is 1.0.",
        ),
        (
            lambda: Residual(body=(Flatten(),), shortcut=(Classes(),)),
            "Residual.shortcut cannot hold Classes(), the last row of a network.",
        ),
        (
            lambda: Residual(body=(Whiten(),)),
            "Residual.body cannot hold Whiten(), the first row of a network.",
        ),
        (
            lambda: Network(rows=(Conv(width=8), Whiten(), GlobalPool(), Classes())),
            "Network.rows can hold Whiten() only as the first row of a network from scratch.",
        ),
        (
            lambda: Head(rows=(Whiten(), GlobalPool(), Classes())),
            "Head.rows can hold Whiten() only as the first row of a network from scratch.",
        ),
    ],
)
def test_what_rows_refuse(make: Callable[[], object], message: str) -> None:
    """Each rule is told in words, with the field and the value."""
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value) == message


def test_every_kind_of_row_survives_json() -> None:
    """Rows inside rows come back from JSON as they were."""
    inner = (LayerNorm(), Attention(heads=2), Scale(start=0.5))
    block = Residual(body=inner, shortcut=(Conv(width=24, start="dirac"),), drop=0.25)
    rows = (Whiten(activation="gelu"), Positions(), block, GlobalPool(mode="max"), Classes())
    network = Network(rows=rows)
    assert codec.loads(Network, codec.dumps(network)) == network
