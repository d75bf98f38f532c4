"""How a botocore session of ours finds the data of a service."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.session import Session

from cognito_devtoken._aws.client_factory import make_client


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    for name, value in (("AWS_ACCESS_KEY_ID", "AKIAFAKE"), ("AWS_SECRET_ACCESS_KEY", "fake")):
        monkeypatch.setenv(name, value)
    return Session()


def test_making_a_client_does_not_list_all_services(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_available_services(*_: object) -> Any:
        raise AssertionError("botocore looks at every service")

    monkeypatch.setattr(Loader, "list_available_services", list_available_services)

    assert make_client(session, "us-east-1").meta.region_name == "us-east-1"


def test_a_session_that_has_made_a_client_lists_the_services_that_botocore_lists(
    session: Session,
) -> None:
    make_client(session, "us-east-1")
    found = session.get_component("data_loader").list_available_services("service-2")

    assert list(found) == Loader().list_available_services("service-2")
    assert len(found) == len(list(found))


def test_a_service_that_botocore_does_not_know_is_refused_as_botocore_refuses_it(
    session: Session,
) -> None:
    with pytest.raises(UnknownServiceError, match="Unknown service: 'no-such-service'"):
        make_client(session, "us-east-1", service="no-such-service")


def test_a_model_in_a_data_path_of_the_user_is_found(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: dict[str, Any] = Loader().load_service_model("cognito-identity", "service-2")
    folder = tmp_path / "my-service" / "2014-06-30"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))

    client: Any = make_client(session, "us-east-1", service="my-service")

    assert hasattr(client, "get_open_id_token_for_developer_identity")


def test_a_loader_of_the_program_is_kept(session: Session) -> None:
    class OwnLoader(Loader):
        pass

    own = OwnLoader()
    session.register_component("data_loader", own)
    make_client(session, "us-east-1")

    assert session.get_component("data_loader") is own
