"""cli/_output."""
