"""A test whose tools cannot be installed is skipped, and the reason says what is missing."""

import shutil
from pathlib import Path

import pytest

from installing import with_packages


NO_REGISTRY = """\
npm error code ECONNREFUSED
npm error FetchError: request to https://registry.npmjs.org/tslib failed"""
OLD_NODE = """\
npm error code EBADENGINE
npm error engine Unsupported engine
npm error notsup Required: {"node":">=20"}
npm error notsup Actual:   {"node":"v18.20.8","npm":"9.2.0"}"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def cache(tmp_path: Path, pytestconfig: pytest.Config) -> pytest.Cache:
    """An empty cache."""
    return pytest.Cache(tmp_path / "cache", pytestconfig, _ispytest=True)


def only_on_path(folder: Path, patch: pytest.MonkeyPatch, **programs: str) -> None:
    """Make these shell scripts the only programs that are found."""
    folder.mkdir()
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    patch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("programs", "reason"),
    [({}, "needs Node.js: no node and no npm"), ({"node": ""}, "needs Node.js: no npm")],
)
def test_a_missing_program_is_named(
    programs: dict[str, str],
    reason: str,
    project: Path,
    cache: pytest.Cache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_on_path(tmp_path / "bin", monkeypatch, **programs)

    with pytest.raises(pytest.skip.Exception, match=f"^{reason}$"):
        with_packages(project, tmp_path / "copies", cache)


@pytest.mark.external
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NO_REGISTRY, "needs the npm registry: ECONNREFUSED"),
        (OLD_NODE, 'needs another Node.js: Required: {"node":">=20"}'),
    ],
)
def test_what_npm_lacks_is_named(
    error: str,
    reason: str,
    project: Path,
    cache: pytest.Cache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "error").write_text(error)
    npm = f"{shutil.which('cat')} '{tmp_path}/error' >&2; exit 1"
    only_on_path(tmp_path / "bin", monkeypatch, node="", npm=npm)

    with pytest.raises(pytest.skip.Exception) as caught:
        with_packages(project, tmp_path / "copies", cache)

    assert str(caught.value) == reason
    assert [path.name for path in (tmp_path / "cache").rglob("node_modules")] == []


@pytest.mark.external
def test_packages_are_installed_once(
    project: Path, cache: pytest.Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = shutil.which("mkdir")
    npm = f"echo run >>'{tmp_path}/runs'; {mkdir} node_modules; echo any >node_modules/package"
    only_on_path(tmp_path / "bin", monkeypatch, node="", npm=npm)

    copies = [with_packages(project, tmp_path / name, cache) for name in ("one", "two")]

    assert [(copy / "node_modules" / "package").read_text() for copy in copies] == ["any\n"] * 2
    assert (tmp_path / "runs").read_text() == "run\n"
