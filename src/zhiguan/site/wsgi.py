"""The web process's entry point."""

from django.core.wsgi import get_wsgi_application

from zhiguan.kit.starting import set_up

set_up()
application = get_wsgi_application()
