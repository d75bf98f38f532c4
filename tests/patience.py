"""How many seconds a test waits for what happens at once or never. It only ends a hung run."""

PATIENCE = 300.0
