"""
The backend of a page that calls AWS: four routes for you to copy.

sign_in.py identifies the user. It stands in for your own sign-in.
"""

from typing import Annotated

from fastapi import Depends, FastAPI, Response

from cognito_devtoken import OpenIdToken
from cognito_devtoken.credentials import AwsCredentials
from cognito_devtoken.fastapi import (
    TokenSessionDep,
    credentials_for,
    exception_handlers,
    lifespan,
)
from sign_in import CurrentUser, current_user


app = FastAPI(lifespan=lifespan(), exception_handlers=exception_handlers)
CredentialsDep = Annotated[AwsCredentials, Depends(credentials_for(current_user))]


def for_page(token: OpenIdToken, response: Response) -> dict[str, str | float]:
    response.headers["Cache-Control"] = "no-store"
    return {
        **token.to_aws(),
        # Seconds instead of a time: the clock of the user's machine may be wrong.
        "ExpiresIn": token.expires_in().total_seconds(),
        "Lifetime": token.lifetime.total_seconds(),
        "Fingerprint": token.fingerprint,  # to name the token without showing it
    }


@app.post("/cognito-token")
async def get(
    user: CurrentUser, session: TokenSessionDep, response: Response
) -> dict[str, str | float]:
    """Return the cached token, or a new one."""
    return for_page(await session.get_token(user), response)


@app.post("/cognito-token/refresh")
async def refresh(
    user: CurrentUser, session: TokenSessionDep, response: Response
) -> dict[str, str | float]:
    """Return a new token. Tokens issued before stay valid until they expire."""
    return for_page(await session.refresh(user), response)


@app.delete("/cognito-token", status_code=204)
async def revoke(user: CurrentUser, session: TokenSessionDep) -> None:
    """
    Forget the user's tokens and credentials.

    AWS can revoke neither: anyone with a copy can still use it until it expires.
    """
    await session.forget(user)


@app.post("/aws-credentials")
async def exchange(credentials: CredentialsDep, response: Response) -> dict[str, str | float]:
    """Return AWS credentials, for a page that does not exchange the token itself."""
    response.headers["Cache-Control"] = "no-store"
    return {**credentials.to_js(), "expiresIn": credentials.expires_in().total_seconds()}
