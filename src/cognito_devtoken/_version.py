"""
The version of this package. ``pyproject.toml`` reads it from here.

It is not read from the metadata of the installed package, because some packagers for AWS Lambda
remove that metadata.
"""

__version__ = "0.1.0.dev0"
