"""Seconds to wait for what happens at once or never. The limit only ends a run that hangs."""

PATIENCE = 300.0
