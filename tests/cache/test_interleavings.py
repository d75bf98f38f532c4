"""
The cache under many interleavings of publish, invalidate, fail, cancel, fork and close.

The seed of a run decides what happens in it and which thread runs when. A run that breaks a rule
reports its seed, which replays the same run::

    INTERLEAVING=4711 pytest tests/cache/test_interleavings.py
"""

import os

import pytest


pytest.importorskip("greenlet", reason="greenlet, which runs the interleavings, is not installed")

from interleaving import replay
from invariants import KINDS
from kinds import Kind
from thorough import THOROUGH


RUNS = 10_000 if THOROUGH else 500


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_interleaving_breaks_a_rule(kind: Kind) -> None:
    chosen = os.environ.get("INTERLEAVING")
    for seed in [int(chosen)] if chosen else range(RUNS):
        replay(seed, kind)


def test_a_token_that_expires_while_it_arrives_does_not_end_the_back_off() -> None:
    # The clock is frozen between a worker's reading of it and the arrival of the token.
    replay(1419)
