"""What the package says of itself, and that continuous integration tests what it says."""

import ast
import re
import shutil
import tomllib
from collections.abc import Iterator
from datetime import date
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest
from hatchling.build import prepare_metadata_for_build_wheel
from ruamel.yaml import YAML
from trove_classifiers import classifiers

import cognito_devtoken


ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECISIVE = [
    *("LICENSE", "README.md", "hatch_build.py", "pyproject.toml"),
    "src/cognito_devtoken/_version.py",
]
REPOSITORY = "COGNITO_DEVTOKEN_BUILD_REPOSITORY"
CONTACT = "COGNITO_DEVTOKEN_BUILD_CONTACT"
PYTHON = "Programming Language :: Python :: "
PYTHONS = [
    name.removeprefix(PYTHON)
    for name in PROJECT["classifiers"]
    if re.fullmatch(rf"{PYTHON}\d\.\d+", name)
]
WORKFLOWS = {path.stem: path for path in (ROOT / ".github/workflows").iterdir()}


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, path in WORKFLOWS.items():
        for job, content in read_yaml(path)["jobs"].items():
            yield f"{name}: {job}", content


class Built:
    """A copy of what decides about the metadata, which a build with these variables makes."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = patch
        for name in DECISIVE:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        patch.chdir(folder)  # where hatchling looks

    def __call__(self, **environ: str) -> Message:
        for name in (REPOSITORY, CONTACT):
            self._patch.setenv(name, environ.get(name, ""))
        info = prepare_metadata_for_build_wheel(str(self._folder / "built"))
        self.text = (self._folder / "built" / info / "METADATA").read_text("utf-8")
        return HeaderParser().parsestr(self.text)

    def as_in_an_sdist(self) -> None:
        (self._folder / "PKG-INFO").write_text(self.text, "utf-8")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Built:
    (tmp_path / "built").mkdir()
    return Built(tmp_path, monkeypatch)


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

    def test_the_page_on_the_package_index_has_no_link_without_a_target(self, built: Built) -> None:
        text = str(built().get_payload())

        assert "# cognito-devtoken" in text
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert [link for link in links if not link.startswith("https://")] == []
        assert "![" not in text

    def test_the_page_on_the_package_index_leads_into_the_repository_that_is_named(
        self, built: Built
    ) -> None:
        text = str(built(**{REPOSITORY: "https://host.example/a/b"}).get_payload())

        at, tag = "https://host.example/a/b", f"v{cognito_devtoken.__version__}"
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert [link for link in links if not link.startswith("https://")] == []
        for folder, link in re.findall(r"(\]\()([^)]+)\)", (ROOT / "README.md").read_text("utf-8")):
            kind = "raw" if link.endswith(".svg") else "blob"
            assert f"{folder}{at}/{kind}/{tag}/{link})" in text or link.startswith("https://")

    @pytest.mark.parametrize("repository", ["", "https://host.example/a/b"])
    @pytest.mark.parametrize(
        "text",
        [
            '```python\nhandlers["x"](event)\n```',
            'Call `handlers["x"](event)`, or ``a[`b`](c)``.',
            "See [above](#use), or write to [us](mailto:us@c.example).",
        ],
    )
    def test_the_page_on_the_package_index_keeps_code_and_what_links_to_no_file(
        self, text: str, repository: str, built: Built
    ) -> None:
        Path("README.md").write_text(f"{text}\n", "utf-8")

        assert text in str(built(**{REPOSITORY: repository}).get_payload())

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

    def test_a_build_from_an_sdist_keeps_what_the_sdist_was_built_with(self, built: Built) -> None:
        released = built(**{REPOSITORY: "https://host.example/a/b", CONTACT: "a@c.example"})
        built.as_in_an_sdist()

        for again in (built(), built(**{REPOSITORY: "https://elsewhere.example/c/d"})):
            assert again.items() == released.items()

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


class TestWorkflows:
    def test_every_action_is_pinned_by_its_commit_and_names_its_version(self) -> None:
        used = [
            line.partition("uses:")[2].strip()
            for path in WORKFLOWS.values()
            for line in path.read_text("utf-8").splitlines()
            if "uses:" in line
        ]
        own = [each for each in used if each.startswith("$/")]
        pins = [re.fullmatch(r"([\w/-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", each) for each in used]

        assert own
        assert [each for each, pin in zip(used, pins, strict=True) if not pin] == own
        for each in own:
            assert (ROOT / each.removeprefix("$/")).is_file()
        found = {pin.groups() for pin in pins if pin}
        assert len({name for name, _, _ in found}) == len(found), "two pins of one action"

    def test_every_workflow_starts_without_permissions_and_every_job_has_a_time_limit(self) -> None:
        for name, path in WORKFLOWS.items():
            assert read_yaml(path)["permissions"] == {}, name
        for name, job in jobs():
            assert "uses" in job or job["timeout-minutes"] <= 20, name

    def test_every_matrix_of_pythons_is_that_of_the_classifiers(self) -> None:
        matrices = {
            name: job["strategy"]["matrix"]["python"]
            for name, job in jobs()
            if "python" in job.get("strategy", {}).get("matrix", {})
        }

        assert matrices == {"ci: tests": PYTHONS, "ci: installed": PYTHONS}

    def test_every_other_python_is_the_oldest(self) -> None:
        versions = [
            step["with"]["python-version"]
            for _, job in jobs()
            for step in job.get("steps", [])
            if "setup-python" in step.get("uses", "")
        ]

        assert set(versions) == {PYTHONS[0], "${{ matrix.python }}"}

    def test_ci_runs_every_session_of_nox_but_those_for_a_machine_of_ones_own(self) -> None:
        run = set()
        for _, job in jobs():
            matrix = job.get("strategy", {}).get("matrix", {})
            run |= {each.partition("-")[0] for each in matrix.get("session", [])}
            for step in job.get("steps", []):
                if match := re.match(r'nox -s "?([a-z]+)', step.get("run", "")):
                    run.add(match[1])

        # Measurements, the chaos run, what needs Terraform, and what the others contain.
        assert run == sessions() - {"bench", "chaos", "dev", "quick", "setup"}

    def test_dependabot_knows_every_place_that_has_dependencies(self) -> None:
        updates = read_yaml(ROOT / ".github/dependabot.yml")["updates"]
        packages = [
            *(path.parent for path in ROOT.glob("examples/*/package.json")),
            *(path.parent for path in ROOT.glob("tests/*/*/package.json")),
        ]

        assert {(each["package-ecosystem"], each["directory"]) for each in updates} == {
            ("github-actions", "/"),
            ("pip", "/"),
            *(("npm", f"/{folder.relative_to(ROOT).as_posix()}") for folder in packages),
        }


def sessions() -> set[str]:
    """Return the names of the sessions of noxfile.py, without importing nox."""
    return {
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(each) for each in node.decorator_list)
    }


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
