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

The keys are the names of the environment variables without ``COGNITO_DEVTOKEN_``. A key that is
missing is read from the environment; a key that is None selects the default. ``OPTIONS`` holds
further arguments of the sessions, such as ``on_event``, or a fake client in a test::

    @override_settings(COGNITO_DEVTOKEN=settings.COGNITO_DEVTOKEN | {"OPTIONS": {"client": fake}})
"""

from .._session.sessions import AsyncTokenSession, TokenSession
from ._sessions import session_of


__all__ = ["get_async_session", "get_session"]


def get_session() -> TokenSession:
    """
    Return this process's session for code that runs in threads. The first call opens the session.

    Raises:
        ConfigurationError: If a setting is missing, wrong or unknown; the message names it.

        LookupError: If ``cognito_devtoken.django`` is not in ``INSTALLED_APPS``.
    """
    return session_of(TokenSession)


def get_async_session() -> AsyncTokenSession:
    """
    Return this process's session for code that runs in event loops.

    This session has its own cache. The function raises the same errors as :func:`get_session`.
    """
    return session_of(AsyncTokenSession)
