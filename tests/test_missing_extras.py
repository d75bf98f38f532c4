"""What users read if a module of this package needs an extra that is not installed."""

import pytest

from scripts import run_script


@pytest.mark.external
@pytest.mark.parametrize(
    ("module", "what", "library"),
    [
        ("aioboto3", "Clients of users", "aiobotocore"),
        ("boto3", "Clients of users", "boto3"),
        ("opentelemetry", "OpenTelemetry metrics", "opentelemetry"),
        ("prometheus", "Prometheus metrics", "prometheus_client"),
    ],
)
def test_the_error_names_the_library_and_the_extra(module: str, what: str, library: str) -> None:
    printed = run_script(f"""
import sys
sys.modules["{library}"] = None
from cognito_devtoken.exceptions import ConfigurationError
try:
    import cognito_devtoken.{module}
except ConfigurationError as error:
    print(error, *error.__notes__)
""")

    assert printed == (
        f"{what} need {library}, which is not installed. "
        f"Install the extra: pip install 'cognito-devtoken[{module}]'\n"
    )
