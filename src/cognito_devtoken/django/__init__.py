"""
A session for a Django project.

::

    INSTALLED_APPS = ["cognito_devtoken.django", ...]
    MIDDLEWARE = [..., "cognito_devtoken.django.middleware.DevTokenErrorMiddleware"]
    COGNITO_DEVTOKEN = {
        "IDENTITY_POOL_ID": "us-east-1:00000000-0000-4000-8000-000000000000",
        "DEVELOPER_PROVIDER": "login.example.com",
    }

    def cognito_token(request):
        return JsonResponse(get_session().get_token(request.user.username).to_aws())

The keys are the names of the environment variables without ``COGNITO_DEVTOKEN_``. What the
dictionary lacks is taken from those, and None stands for the default. ``OPTIONS`` holds further
arguments of the sessions, such as ``on_event``, or in a test another client::

    @override_settings(COGNITO_DEVTOKEN=settings.COGNITO_DEVTOKEN | {"OPTIONS": {"client": fake}})
"""

from .._session.sessions import AsyncTokenSession, TokenSession
from ._sessions import session_of


__all__ = ["get_async_session", "get_session"]


def get_session() -> TokenSession:
    """
    The session of this process, for code that runs in threads. The first call opens it.

    Raises:
        ConfigurationError: If a setting is missing, wrong or unknown; the message names it.

        LookupError: If ``cognito_devtoken.django`` is no installed application.
    """
    return session_of(TokenSession)


def get_async_session() -> AsyncTokenSession:
    """
    The session of this process for code that runs in event loops, with a cache of its own.

    Raises the same as :func:`get_session`.
    """
    return session_of(AsyncTokenSession)
