"""
Cognito tokens for the users of an aiohttp application, with svcs.

    python aiohttp_app.py
"""

import svcs
from aiohttp import web

from cognito_devtoken import AsyncTokenSession
from cognito_devtoken.aiohttp import error_middleware
from cognito_devtoken.svcs import register


def current_user(request: web.Request) -> str:
    # Your own sign-in goes here. This one accepts everyone.
    try:
        return request.headers["X-User"]
    except KeyError:
        raise web.HTTPUnauthorized from None


async def cognito_token(request: web.Request) -> web.Response:
    """Return the token that the user's app exchanges for AWS credentials."""
    session = await svcs.aiohttp.aget(request, AsyncTokenSession)
    token = await session.get_token(current_user(request))
    return web.json_response(token.to_aws(), headers={"Cache-Control": "no-store"})


async def aws_credentials(request: web.Request) -> web.Response:
    """Return AWS credentials to an app that does not exchange the token itself."""
    session = await svcs.aiohttp.aget(request, AsyncTokenSession)
    credentials = await session.get_credentials(current_user(request))
    return web.json_response(credentials.to_js(), headers={"Cache-Control": "no-store"})


async def health(request: web.Request) -> web.Response:
    """Return 200 as long as this host responds. The body says how the calls to Cognito went."""
    session = await svcs.aiohttp.aget(request, AsyncTokenSession)
    return web.json_response(session.health().to_dict())


def create_app() -> web.Application:
    app = svcs.aiohttp.init_app(web.Application(middlewares=[error_middleware]))
    register(svcs.aiohttp.get_registry(app))
    app.add_routes(
        [
            web.post("/cognito-token", cognito_token),
            web.post("/aws-credentials", aws_credentials),
            web.get("/health", health),
        ]
    )
    return app


if __name__ == "__main__":
    web.run_app(create_app())
