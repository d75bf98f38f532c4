"""cli/_input."""
