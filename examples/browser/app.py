"""
Serve the backend and its page on this machine, with a Cognito that the page can make fail.

    npm ci && npm run build
    python app.py
"""

import argparse
import os
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

import sign_in
from backend import app
from cognito_devtoken.emulator import Emulator


PAGE = Path(__file__).parent / "dist"
# Two requests of the backend; boto makes two attempts for each.
THROTTLED_CALLS = 4


def guard(app: FastAPI, endpoint: str) -> None:
    """Allow the browser to run only the page, and to connect only to this server and Cognito."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {endpoint}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    )

    @app.middleware("http")
    async def add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def faults(cognito: Emulator) -> APIRouter:
    """Return the routes with which the page makes Cognito fail."""
    router = APIRouter(prefix="/demo")
    endpoint, down = cognito.endpoint_url, False

    @router.get("")
    def state() -> dict[str, str | bool]:
        return {"endpoint": endpoint, "down": down}

    @router.post("/throttle", status_code=204)
    def throttle() -> None:
        cognito.fail_next("TooManyRequestsException", "Rate exceeded", times=THROTTLED_CALLS)

    @router.put("/outage", status_code=204)
    def begin() -> None:
        nonlocal down
        cognito.stop()
        down = True

    @router.delete("/outage", status_code=204)
    def end() -> None:
        nonlocal down
        cognito.start()
        down = False

    return router


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the browser example on this machine.")
    parser.add_argument("--port", type=int, default=8000, help="0 picks a free one")
    options = parser.parse_args()
    if not PAGE.is_dir():
        parser.error("the page is not built: npm ci && npm run build")
    with Emulator() as cognito:
        (pool,) = cognito.pools
        os.environ |= {
            "COGNITO_DEVTOKEN_IDENTITY_POOL_ID": pool.identity_pool_id,
            "COGNITO_DEVTOKEN_DEVELOPER_PROVIDER": pool.developer_provider,
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY": cognito.endpoint_url,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "thing",
        }
        # Short enough that the user sees the bar move.
        os.environ.setdefault("COGNITO_DEVTOKEN_TOKEN_DURATION", "120")
        guard(app, cognito.endpoint_url)
        app.include_router(sign_in.router)
        app.include_router(faults(cognito))
        app.mount("/", StaticFiles(directory=PAGE, html=True))
        uvicorn.run(app, port=options.port)


if __name__ == "__main__":
    main()
