"""The Django example with its async views at the URLs of the sync ones."""

from typing import Any

from backend.asgi import application  # type: ignore[import-not-found]  # the example's


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        scope["path"] = f"/async{scope['path']}"
    await application(scope, receive, send)
