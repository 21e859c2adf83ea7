"""The ASGI entry: HTTP goes to the Flask application through the threaded adapter, lifespan starts and stops it all.

Served by `make run`, or by `uvicorn asgi_app:asgi_app --no-proxy-headers`.
"""

from serving.asgi import create_asgi_app
from unified_api import app, container

asgi_app = create_asgi_app(app, container)
