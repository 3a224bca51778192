"""How gunicorn runs the shop: `gunicorn -c python:django_shop.serving django_shop.wsgi`."""

worker_class = "gthread"
workers = 2
threads = 8
graceful_timeout = 2
# Each worker has a socket of its own, so that the kernel spreads connections evenly. With one
# socket for all the worker that is awake takes most of them.
reuse_port = True
# Nobody steers this server from outside; gunicorn before 25 ignores the name.
control_socket_disable = True
