"""The project for a WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from cognito_devtoken.django import get_session


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
application = get_wsgi_application()
get_session()  # A mistake in the settings stops the server here instead of failing a request.
