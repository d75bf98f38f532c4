"""``python -m cognito_devtoken``: the command line."""

from .cli import script


script()
