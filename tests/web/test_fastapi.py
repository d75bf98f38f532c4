"""Sessions in FastAPI and Starlette applications."""

import pytest


pytest.importorskip("fastapi", reason="FastAPI is not installed")

from cognito_devtoken.emulator import Emulator
from serving import OPERATION, USERS, served, stop_in_mid_flight, storm


UVICORN = ["-m", "uvicorn", "--fd={fd}", "--log-level=warning"]
APPS = ["fastapi_app:app", "starlette_app:app"]


@pytest.mark.parametrize("app", APPS)
def test_a_storm_of_requests_causes_one_call_for_each_user(app: str, emulator: Emulator) -> None:
    with served(emulator, *UVICORN, app) as server:
        storm(server.url)

    assert emulator.calls[OPERATION] == USERS


@pytest.mark.parametrize("app", APPS)
def test_a_server_that_is_stopped_answers_those_who_wait(app: str) -> None:
    stop_in_mid_flight(*UVICORN, app)
