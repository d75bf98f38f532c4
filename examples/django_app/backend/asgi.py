"""The project for an ASGI server."""

import os

from django.core.asgi import get_asgi_application

from cognito_devtoken.django import get_async_session


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
application = get_asgi_application()
get_async_session()  # A mistake in the settings stops the server here instead of failing a request.
