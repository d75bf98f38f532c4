"""
Add the repository's URL, the maintainers' address and the README to the package metadata.

The repository does not contain its own URL or a contact address, because a fork has different ones.
Set them for a release build with two environment variables; a build without the variables omits
them. A wheel built from a source distribution has the source distribution's values, because
hatchling reads those from PKG-INFO.

The README has relative links to files that the package index does not have. In the metadata, these
links point to the repository. If no repository is set, each is replaced by the text of the link.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


REPOSITORY = "COGNITO_DEVTOKEN_BUILD_REPOSITORY"
CONTACT = "COGNITO_DEVTOKEN_BUILD_CONTACT"

# An image or a link whose target is a file in the repository; or code, which contains neither.
LINK = re.compile(r"(`+).+?\1|(!?)\[([^][]+)\]\((?![a-z]+:|#)([^)]+)\)", re.DOTALL)


class ReleaseMetadata(MetadataHookInterface):
    """Adds the README, the URLs of the repository, and the maintainers' address."""

    def update(self, metadata: dict[str, Any]) -> None:
        """
        Set ``project.readme``, ``project.urls`` and ``project.maintainers``.

        Raises:
            ValueError: If a variable is not an https URL, or not an e-mail address.
        """
        if repository := os.environ.get(REPOSITORY, "").rstrip("/"):
            if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+)+", repository):
                raise ValueError(f"{REPOSITORY} must be an https URL, not {repository!r}")
            # HEAD is the default branch, whatever its name is.
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
