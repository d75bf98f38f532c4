"""What the README promises besides its examples, which are tests of their own."""

import re
from pathlib import Path


ROOT = Path(__file__).parents[1]


def test_continuous_integration_runs_the_commands_of_the_readme() -> None:
    commands = re.findall(
        r"^```sh\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )

    assert len(commands) == 2
    assert (ROOT / ".ci/run").read_text().rstrip().splitlines()[-2:] == commands


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())

    assert links
    for link in links:
        assert (ROOT / link).exists(), link
