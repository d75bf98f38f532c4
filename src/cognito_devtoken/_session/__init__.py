"""
The sessions that users open: the token cache put together, both sessions, their settings.

Everything below may enter; frameworks may not. ``cache`` assembles cache, source and store,
``base`` is what both ``sessions`` share, ``settings`` reads the environment. The integrations, the
command line and the pytest plugin import it.
"""
