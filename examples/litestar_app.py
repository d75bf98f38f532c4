"""
Cognito tokens for the users of a Litestar application.

    uvicorn litestar_app:app
"""

from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotAuthorizedException

from cognito_devtoken import AsyncTokenSession
from cognito_devtoken.credentials import AwsCredentials
from cognito_devtoken.litestar import DevTokenPlugin, credentials_for, exception_handlers


async def current_user(request: Request[Any, Any, Any]) -> str:
    # Your own sign-in goes here. This one accepts everyone.
    try:
        return request.headers["X-User"]
    except KeyError:
        raise NotAuthorizedException from None


@post("/cognito-token", status_code=200)
async def cognito_token(
    user_id: NamedDependency[str], token_session: NamedDependency[AsyncTokenSession]
) -> Response[dict[str, str]]:
    """Return the token that the user's app exchanges for AWS credentials."""
    token = await token_session.get_token(user_id)
    return Response(token.to_aws(), headers={"Cache-Control": "no-store"})


@post("/aws-credentials", status_code=200)
async def aws_credentials(
    credentials: NamedDependency[AwsCredentials],
) -> Response[dict[str, str]]:
    """Return AWS credentials to an app that does not exchange the token itself."""
    return Response(credentials.to_js(), headers={"Cache-Control": "no-store"})


@get("/health")
async def health(
    token_session: NamedDependency[AsyncTokenSession],
) -> dict[str, bool | str | None]:
    """Return 200 as long as this host responds. The body says how the calls to Cognito went."""
    return token_session.health().to_dict()


app = Litestar(
    [cognito_token, aws_credentials, health],
    dependencies={"user_id": Provide(current_user), "credentials": Provide(credentials_for())},
    plugins=[DevTokenPlugin()],
    exception_handlers=exception_handlers,
)
