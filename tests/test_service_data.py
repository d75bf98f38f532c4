"""What a botocore session of ours loads to make a client, and that it finds what botocore finds."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.regions import EndpointResolver
from botocore.session import Session

from cognito_devtoken._aws.client_factory import make_client


SERVICES = ("cognito-identity", "sts")
REGIONS = sorted(
    region
    for partition in Loader().load_data("partitions")["partitions"]
    for region in partition["regions"]
)


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


def resolver_of(session: Session) -> Any:
    make_client(session, "us-east-1")
    return session._internal_components.get_component("endpoint_resolver")  # type: ignore[attr-defined]


def usual(endpoint: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an endpoint without its variants, such as the one for FIPS."""
    return endpoint and {name: endpoint[name] for name in endpoint if name != "variants"}


def test_making_a_client_does_not_read_the_endpoints_of_all_services(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = Loader.load_data_with_path

    def load_data_with_path(self: Loader, name: str) -> Any:
        read.append(name)
        return load(self, name)

    monkeypatch.setattr(Loader, "load_data_with_path", load_data_with_path)

    make_client(session, "us-east-1")
    make_client(session, "eu-west-1", service="sts", is_signed=False)

    assert "partitions" in read
    assert "endpoints" not in read


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", [*REGIONS, "us-future-9", "fips-us-east-1", "nowhere"])
def test_an_endpoint_is_the_one_that_botocore_resolves(
    session: Session, service: str, region: str
) -> None:
    botocores = EndpointResolver(Loader().load_data("endpoints"))

    found = resolver_of(session).construct_endpoint(service, region)

    assert usual(found) == usual(botocores.construct_endpoint(service, region))


@pytest.mark.parametrize(
    "options",
    [{"use_fips_endpoint": True}, {"use_dualstack_endpoint": True}, {"partition_name": "aws-cn"}],
    ids=str,
)
def test_a_variant_of_an_endpoint_is_the_one_that_botocore_resolves(
    session: Session, options: Any
) -> None:
    botocores = EndpointResolver(Loader().load_data("endpoints"))
    asked = ("cognito-identity", "us-east-1")

    found = resolver_of(session).construct_endpoint(*asked, **options)

    assert found == botocores.construct_endpoint(*asked, **options)


def test_a_session_that_has_made_a_client_knows_the_regions_that_botocore_knows(
    session: Session,
) -> None:
    make_client(session, "us-east-1")

    assert session.get_available_regions("s3") == Session().get_available_regions("s3")


def test_endpoints_in_a_data_path_of_the_user_are_used(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data: Any = deepcopy(Loader().load_data("endpoints"))  # all tests share what it loads
    data["partitions"][0]["services"] = {
        "cognito-identity": {"endpoints": {"us-east-1": {"hostname": "cognito.example.com"}}}
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(data))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))

    client = make_client(session, "us-east-1")

    assert client.meta.endpoint_url == "https://cognito.example.com"
