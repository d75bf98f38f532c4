"""A project that issues Cognito tokens to its users."""
