"""
Cognito tokens for the users of a FastAPI application.

    uvicorn fastapi_app:app
"""

from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Response

from cognito_devtoken.credentials import AwsCredentials
from cognito_devtoken.fastapi import (
    TokenSessionDep,
    credentials_for,
    exception_handlers,
    lifespan,
)


app = FastAPI(lifespan=lifespan(), exception_handlers=exception_handlers)


async def current_user(x_user: Annotated[str | None, Header()] = None) -> str:
    # Your own sign-in goes here. This one accepts everyone.
    if not x_user:
        raise HTTPException(401)
    return x_user


CurrentUser = Annotated[str, Depends(current_user)]
CredentialsDep = Annotated[AwsCredentials, Depends(credentials_for(current_user))]


@app.post("/cognito-token")
async def cognito_token(
    user_id: CurrentUser, session: TokenSessionDep, response: Response
) -> dict[str, str]:
    """Return the token that the user's app exchanges for AWS credentials."""
    response.headers["Cache-Control"] = "no-store"
    return (await session.get_token(user_id)).to_aws()


@app.post("/aws-credentials")
async def aws_credentials(credentials: CredentialsDep, response: Response) -> dict[str, str]:
    """Return AWS credentials to an app that does not exchange the token itself."""
    response.headers["Cache-Control"] = "no-store"
    return credentials.to_js()


@app.get("/health")
async def health(session: TokenSessionDep) -> dict[str, bool | str | None]:
    """Return 200 as long as this host responds. The body says how the calls to Cognito went."""
    return session.health().to_dict()
