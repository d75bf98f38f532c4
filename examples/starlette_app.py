"""
Cognito tokens for the users of a Starlette application.

    uvicorn starlette_app:app
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cognito_devtoken.starlette import exception_handlers, get_token_session, lifespan


def current_user(request: Request) -> str:
    # Your own sign-in goes here. This one accepts everyone.
    try:
        return request.headers["X-User"]
    except KeyError:
        raise HTTPException(401) from None


async def cognito_token(request: Request) -> JSONResponse:
    """Return the token that the user's app exchanges for AWS credentials."""
    token = await get_token_session(request).get_token(current_user(request))
    return JSONResponse(token.to_aws(), headers={"Cache-Control": "no-store"})


async def aws_credentials(request: Request) -> JSONResponse:
    """Return AWS credentials to an app that does not exchange the token itself."""
    credentials = await get_token_session(request).get_credentials(current_user(request))
    return JSONResponse(credentials.to_js(), headers={"Cache-Control": "no-store"})


async def health(request: Request) -> JSONResponse:
    """Return 200 as long as this host responds. The body says how the calls to Cognito went."""
    return JSONResponse(get_token_session(request).health().to_dict())


app = Starlette(
    routes=[
        Route("/cognito-token", cognito_token, methods=["POST"]),
        Route("/aws-credentials", aws_credentials, methods=["POST"]),
        Route("/health", health),
    ],
    lifespan=lifespan(),
    exception_handlers=exception_handlers,
)
