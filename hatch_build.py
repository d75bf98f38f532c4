"""
What the metadata of the package says about who made this release.

The repository doesn't know its own address, or whom to write to: a fork has others. Whoever builds
a release names them in two environment variables, and a build without them leaves them out. A
source distribution keeps what it was built with, because hatchling reads it from PKG-INFO.
"""

import os
import re
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


REPOSITORY = "COGNITO_DEVTOKEN_BUILD_REPOSITORY"
CONTACT = "COGNITO_DEVTOKEN_BUILD_CONTACT"


class ReleaseMetadata(MetadataHookInterface):
    """Adds the addresses of the repository and of its maintainers."""

    def update(self, metadata: dict[str, Any]) -> None:
        """
        Set ``project.urls`` and ``project.maintainers``.

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
        if contact := os.environ.get(CONTACT, ""):
            if not re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", contact):
                raise ValueError(f"{CONTACT} must be an e-mail address, not {contact!r}")
            metadata["maintainers"] = [{"email": contact}]
