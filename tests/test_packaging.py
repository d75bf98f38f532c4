"""What the package says of itself, and that continuous integration tests what it says."""

import re
import tomllib
from datetime import date
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest
from hatchling.build import prepare_metadata_for_build_wheel
from trove_classifiers import classifiers

import cognito_devtoken


ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = "COGNITO_DEVTOKEN_BUILD_REPOSITORY"
CONTACT = "COGNITO_DEVTOKEN_BUILD_CONTACT"
PYTHON = "Programming Language :: Python :: "
PYTHONS = [
    name.removeprefix(PYTHON)
    for name in PROJECT["classifiers"]
    if re.fullmatch(rf"{PYTHON}\d\.\d+", name)
]


class Built:
    """The metadata that a build with these variables gives the package."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = patch
        self._folder = folder

    def __call__(self, **environ: str) -> Message:
        for name, value in environ.items():
            self._patch.setenv(name, value)
        info = prepare_metadata_for_build_wheel(str(self._folder))
        return HeaderParser().parsestr((self._folder / info / "METADATA").read_text("utf-8"))


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Built:
    for name in (REPOSITORY, CONTACT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)
    return Built(monkeypatch, tmp_path)


class TestVersion:
    def test_the_version_of_the_package_is_that_of_the_module(self, built: Built) -> None:
        assert built()["Version"] == cognito_devtoken.__version__

    def test_the_newest_version_of_the_changelog_is_that_of_the_module(self) -> None:
        headings = re.findall(
            r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
        )

        assert headings[0] == "Unreleased"  # the place for what comes next
        assert headings[1].split()[0] == cognito_devtoken.__version__

    def test_every_version_of_the_changelog_is_dated_and_the_newest_comes_first(self) -> None:
        text = (ROOT / "CHANGELOG.md").read_text("utf-8")
        headings = re.findall(r"^## (?!Unreleased$)(.*)$", text, re.MULTILINE)

        released = []
        for heading in headings:
            match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d)\)", heading)
            assert match, heading
            *numbers, day = match.groups()
            released.append((date.fromisoformat(day), [int(number) for number in numbers]))
        assert released == sorted(released, reverse=True)


class TestMetadata:
    def test_every_classifier_is_one_that_the_index_knows(self) -> None:
        assert set(PROJECT["classifiers"]) <= classifiers

    def test_the_oldest_python_of_the_classifiers_is_the_one_required(self) -> None:
        assert PROJECT["requires-python"] == f">={PYTHONS[0]}"

    def test_the_pythons_of_the_classifiers_have_no_gap(self) -> None:
        first = int(PYTHONS[0].removeprefix("3."))

        assert [f"3.{first + number}" for number in range(len(PYTHONS))] == PYTHONS

    def test_every_framework_with_an_integration_has_its_classifier_if_there_is_one(self) -> None:
        package = Path(cognito_devtoken.__file__).parent
        modules = {path.stem.lower() for path in package.iterdir() if path.stem[0] != "_"}
        frameworks = [name.split(" :: ")[1] for name in classifiers if name.startswith("Framework")]
        integrated = {name for name in frameworks if name.lower() in modules}
        named = {
            name.split(" :: ")[1]
            for name in PROJECT["classifiers"]
            if name.startswith("Framework :: ")
        }

        assert integrated
        # For every framework's sessions, and for the plugin of pytest.
        assert named == integrated | {"AsyncIO", "Pytest"}

    def test_a_build_that_names_no_repository_and_no_contact_invents_none(
        self, built: Built
    ) -> None:
        metadata = built()

        assert "Project-URL" not in metadata
        assert "Maintainer-email" not in metadata

    def test_a_build_that_names_them_links_to_the_repository_and_says_whom_to_write_to(
        self, built: Built
    ) -> None:
        metadata = built(**{REPOSITORY: "https://host.example/a/b/", CONTACT: "a.b@c.example"})

        assert metadata["Maintainer-email"] == "a.b@c.example"
        urls = dict(each.split(", ") for each in metadata.get_all("Project-URL", []))
        base = "https://host.example/a/b"
        assert urls["Source"] == base
        # Each page that is linked exists.
        pages = [url.removeprefix(f"{base}/blob/") for url in urls.values() if "/blob/" in url]
        assert len(pages) == 3
        for page in pages:
            reference, _, path = page.partition("/")
            assert reference in ("HEAD", f"v{cognito_devtoken.__version__}")
            assert (ROOT / path).is_file(), path

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            (REPOSITORY, "http://host.example/a/b"),
            (REPOSITORY, "https://host.example"),
            (REPOSITORY, "git@host.example:a/b"),
            (CONTACT, "the maintainers"),
            (CONTACT, "a@localhost"),
            (CONTACT, "a@b.example\nVersion: 7"),
        ],
    )
    def test_a_build_refuses_what_is_no_address(self, built: Built, name: str, value: str) -> None:
        with pytest.raises(ValueError, match=name):
            built(**{name: value})


@pytest.mark.parametrize(
    "name", ["CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"]
)
def test_links_between_the_documents_of_the_repository_resolve(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)[^)]*\)", (ROOT / name).read_text("utf-8"))

    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_a_reporter_without_an_account_is_told_where_the_address_is() -> None:
    policy = (ROOT / "SECURITY.md").read_text("utf-8")

    assert "metadata('cognito-devtoken')['Maintainer-email']" in policy
    # Neither a placeholder nor an address of a domain that does not exist.
    assert re.findall(r"[\w.+-]+@[\w.-]+", policy) == []
