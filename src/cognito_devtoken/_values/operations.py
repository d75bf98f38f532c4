"""The names of the AWS operations that this library calls."""

GET_TOKEN = "GetOpenIdTokenForDeveloperIdentity"  # noqa: S105  # a name

# The two flows in which a token is exchanged for credentials: of Cognito, and of STS.
ENHANCED = "GetCredentialsForIdentity"
BASIC = "AssumeRoleWithWebIdentity"

# What finds and erases the identity of a user.
LOOKUP, UNLINK, DELETE = ON_IDENTITIES = (
    "LookupDeveloperIdentity",
    "UnlinkDeveloperIdentity",
    "DeleteIdentities",
)
