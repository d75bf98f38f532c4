"""Settings for gunicorn in tests: threads, on an inherited socket."""

import warnings


worker_class = "gthread"
threads = 16
loglevel = "warning"
# Since gunicorn 25.1: the control socket is a file that all of this user's servers share.
control_socket_disable = True
# gunicorn also opens an inherited socket as AF_UNIX, and does not close that object.
warnings.filterwarnings("ignore", r"unclosed <socket\.socket fd=\d+, family=1,", ResourceWarning)
