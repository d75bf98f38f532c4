"""
The sessions that users open: the token cache, both sessions, their settings.

It may import every package below, but no framework. ``cache`` assembles cache, source and store,
``credentials`` a second cache for the credentials that tokens are exchanged for. ``base`` is what
both ``sessions`` share, ``settings`` reads the environment. The integrations, the command line and
the pytest plugin import it.
"""
