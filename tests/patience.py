"""Seconds that a test waits for something that happens at once or never; ends a hung run."""

PATIENCE = 300.0
