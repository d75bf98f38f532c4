"""
What users open: the token cache, and two sessions that use it, with their settings.

This package may import every package below it, but no framework. ``cache`` assembles a cache, its
source and its store. ``credentials`` assembles a second cache, for the credentials that tokens are
exchanged for. ``base`` has what both ``sessions`` share, ``administration`` finds and erases
identities, and ``settings`` reads the environment. The integrations, the command line and the
pytest plugin import this package.
"""
