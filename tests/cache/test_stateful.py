"""A cache against a model of it, whatever happens to both."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from life import Life
from thorough import THOROUGH


LIVES = 600 if THOROUGH else 100


def test_any_life_of_a_cache_keeps_the_rules() -> None:
    run_state_machine_as_test(Life, settings=settings(max_examples=LIVES, stateful_step_count=40))
