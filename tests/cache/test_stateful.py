"""A cache and a model of it stay equal in any sequence of events."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test


pytest.importorskip("greenlet", reason="greenlet, which runs the model, is not installed")

from cache_machine import BadgeCacheMachine, CacheMachine
from thorough import THOROUGH


RUNS = 600 if THOROUGH else 100


@pytest.mark.parametrize("machine", [CacheMachine, BadgeCacheMachine])
def test_no_sequence_of_events_breaks_a_rule(machine: type[CacheMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=RUNS, stateful_step_count=40))
