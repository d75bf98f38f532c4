"""The settings of the project. Everything else is Django's default."""

import os


SECRET_KEY = os.environ.get("SECRET_KEY", "for this example only")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "backend.urls"
USE_TZ = True

INSTALLED_APPS = ["cognito_devtoken.django"]
MIDDLEWARE = ["cognito_devtoken.django.middleware.DevTokenErrorMiddleware"]

# The pool and the developer provider differ from host to host, so they come from the environment.
COGNITO_DEVTOKEN = {"TOKEN_DURATION": 3600}
