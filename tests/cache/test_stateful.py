"""A cache against a model of it, whatever happens to both."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test


pytest.importorskip("greenlet", reason="greenlet, which runs the model, is not installed")

from life import Life, LifeOfBadges
from thorough import THOROUGH


LIVES = 600 if THOROUGH else 100


@pytest.mark.parametrize("machine", [Life, LifeOfBadges])
def test_any_life_of_a_cache_keeps_the_rules(machine: type[Life]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=LIVES, stateful_step_count=40)
    )
