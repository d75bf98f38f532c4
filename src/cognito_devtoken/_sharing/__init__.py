"""_sharing."""
