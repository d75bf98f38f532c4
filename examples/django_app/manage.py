"""
Cognito tokens for the users of a Django project.

    python manage.py check
    gunicorn --worker-class gthread --threads 16 backend.wsgi
    uvicorn backend.asgi:application
"""

import os
import sys

from django.core.management import execute_from_command_line


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
execute_from_command_line(sys.argv)
