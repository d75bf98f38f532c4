"""What users read if boto3 or aiobotocore is not installed."""

import pytest

from scripts import run_script


@pytest.mark.external
@pytest.mark.parametrize(("module", "library"), [("boto3", "boto3"), ("aioboto3", "aiobotocore")])
def test_the_error_names_a_missing_extra(module: str, library: str) -> None:
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
        f"Clients of users need {library}, which is not installed. "
        f"Install the extra: pip install 'cognito-devtoken[{module}]'\n"
    )
