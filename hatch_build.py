"""
What the metadata of the package says about who made this release, and the README in it.

The repository doesn't know its own address, or whom to write to: a fork has others. Whoever builds
a release names them in two environment variables, and a build without them leaves them out. A
source distribution keeps what it was built with, because hatchling reads it from PKG-INFO.

The README links to files beside it, which the package index does not have. There, the links lead
into the repository, or, if nobody named it, are their texts.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


REPOSITORY = "COGNITO_DEVTOKEN_BUILD_REPOSITORY"
CONTACT = "COGNITO_DEVTOKEN_BUILD_CONTACT"

# An image of, or a link to, a file of the repository, or code, in which neither is one.
LINK = re.compile(r"(`+).+?\1|(!?)\[([^][]+)\]\((?![a-z]+:|#)([^)]+)\)", re.DOTALL)


class ReleaseMetadata(MetadataHookInterface):
    """Adds the README, and the addresses of the repository and of its maintainers."""

    def update(self, metadata: dict[str, Any]) -> None:
        """
        Set ``project.readme``, ``project.urls`` and ``project.maintainers``.

        Raises:
            ValueError: If a variable is set to something else than an address of its kind.
        """
        if repository := os.environ.get(REPOSITORY, "").rstrip("/"):
            if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+)+", repository):
                raise ValueError(f"{REPOSITORY} must be an https URL, not {repository!r}")
            # HEAD is the default branch, whatever its name.
            latest, release = f"{repository}/blob/HEAD", f"{repository}/blob/v{metadata['version']}"
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{release}/docs/index.md",
                "Changelog": f"{latest}/CHANGELOG.md",
                "Security policy": f"{latest}/SECURITY.md",
                "Issues": f"{repository}/issues",
            }
        text = Path(self.root, "README.md").read_text("utf-8")

        def lead(found: re.Match[str]) -> str:
            code, mark, name, path = found.groups()
            if code:
                return found[0]
            if not repository:
                return f"{name}." if mark else name
            kind = "raw" if mark else "blob"
            return f"{mark}[{name}]({repository}/{kind}/v{metadata['version']}/{path})"

        text = LINK.sub(lead, text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        if contact := os.environ.get(CONTACT, ""):
            if not re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", contact):
                raise ValueError(f"{CONTACT} must be an e-mail address, not {contact!r}")
            metadata["maintainers"] = [{"email": contact}]
