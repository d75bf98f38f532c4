"""
A sign-in that accepts everyone. Replace it with your own.

The user gets a cookie that no script can read. The process remembers whose it is until it ends.
"""

import secrets
from typing import Annotated

from fastapi import APIRouter, Body, Cookie, Depends, HTTPException, Response


router = APIRouter(prefix="/sign-in")

_COOKIE = "example_session"
_users: dict[str, str] = {}
_Key = Annotated[str, Cookie(alias=_COOKIE)]


async def current_user(key: _Key = "") -> str:
    if key not in _users:
        raise HTTPException(401)
    return _users[key]


CurrentUser = Annotated[str, Depends(current_user)]


@router.get("")
async def who(key: _Key = "") -> dict[str, str | None]:
    return {"user": _users.get(key)}


@router.post("", status_code=204)
async def sign_in(
    user: Annotated[str, Body(embed=True, min_length=1, max_length=64)], response: Response
) -> None:
    key = secrets.token_urlsafe()
    _users[key] = user
    # Add secure=True if you serve this over HTTPS.
    response.set_cookie(_COOKIE, key, httponly=True, samesite="strict")


@router.delete("", status_code=204)
async def sign_out(response: Response, key: _Key = "") -> None:
    _users.pop(key, None)
    response.delete_cookie(_COOKIE, httponly=True, samesite="strict")
