"""
The version of this package, for ``pyproject.toml`` as well.

Not read from the metadata of the installed package: some packagers for AWS Lambda remove it.
"""

__version__ = "0.1.0.dev0"
