"""The tests of the documentation's examples do what a page says, and nothing else."""

import os
from pathlib import Path
from textwrap import dedent

import boto3
import pytest
from botocore.exceptions import ClientError

from pages import Page, pages


TEXT = """
# A page

Install it in an environment: `pip install 'cognito-devtoken[cli]'`.

```sh
python3 -m venv .venv && .venv/bin/pip install --quiet '.[emulator]' boto3 && .venv/bin/nox
.venv/bin/cognito-devtoken emulator --public-provider accounts.google.com &  # a local Cognito
export AWS_ENDPOINT_URL_COGNITO_IDENTITY=http://127.0.0.1:9229 AWS_ACCESS_KEY_ID=any
export AWS_SECRET_ACCESS_KEY='some thing'
```

```{literalinclude} ../examples/app.py
```

```python
def test_something():
    pass
```
"""


def page_of(folder: Path, text: str) -> Page:
    path = folder / "page.md"
    path.write_text(dedent(text))
    return Page.read(path)


def test_a_page_is_read_as_its_reader_understands_it(tmp_path: Path) -> None:
    page = page_of(tmp_path, TEXT)

    assert page.requirements == {"cognito-devtoken[cli]", ".[emulator]", "boto3"}
    assert page.emulator == ("--public-provider", "accounts.google.com")
    assert page.exports == {
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY": "http://127.0.0.1:9229",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "some thing",
    }
    assert page.included == ((tmp_path / "../examples/app.py").resolve(),)
    assert [(block.language, block.has_tests) for block in page.blocks] == [
        ("sh", False),
        ("python", True),
    ]
    code = page.blocks[1]
    assert TEXT.splitlines()[code.line - 1] == code.code.splitlines()[0]


def test_a_page_without_code_has_no_examples(tmp_path: Path) -> None:
    assert not page_of(tmp_path, "# A page\n\n```sh\npip install nox\n```\n").has_examples


def test_every_page_with_examples_installs_this_package() -> None:
    packages = {"cognito-devtoken", "."}
    silent = [
        page.path.name
        for page in pages()
        if packages.isdisjoint(name.partition("[")[0] for name in page.requirements)
    ]

    assert silent == []


@pytest.mark.external
@pytest.mark.parametrize(("options", "allowed"), [("", False), (" --allow-unauthenticated", True)])
def test_the_emulator_has_only_the_options_of_the_page(
    options: str, allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(
        tmp_path,
        f"""
        ```sh
        cognito-devtoken emulator{options} &
        export AWS_ENDPOINT_URL_COGNITO_IDENTITY=http://127.0.0.1:9229
        ```
        """,
    )

    with page.followed(os.environ) as exports:
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        cognito = boto3.client("cognito-identity", region_name="us-east-1")
        pool_id = "us-east-1:00000000-0000-4000-8000-000000000000"
        try:
            cognito.get_id(IdentityPoolId=pool_id)
        except ClientError:
            assert not allowed
        else:
            assert allowed
        finally:
            cognito.close()


def test_a_page_that_starts_nothing_gets_only_what_it_exports(tmp_path: Path) -> None:
    page = page_of(tmp_path, "```sh\nexport AWS_ACCESS_KEY_ID=any\n```\n")

    with page.followed({}) as exports:
        assert exports == {"AWS_ACCESS_KEY_ID": "any"}
