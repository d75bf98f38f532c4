"""A project that gives its users Cognito tokens."""
