"""How gunicorn serves in tests: with threads, on a socket that it is given."""

import warnings


worker_class = "gthread"
threads = 16
loglevel = "warning"
# For gunicorn 25.1 and later: it would be a file that all servers of this user share.
control_socket_disable = True
# gunicorn looks at a socket that it is given as one of AF_UNIX, and does not close that view.
warnings.filterwarnings("ignore", r"unclosed <socket\.socket fd=\d+, family=1,", ResourceWarning)
