"""The unified entry: `app` is the WSGI application with the routes of `web.route_table`.

Started as `uvicorn asgi_app:asgi_app` (by `make run`), or as plain Flask with `python unified_api.py`.
"""

from bootstrap.container import build_container
from serving.garbage_collection import collect_less_often
from serving.plain_server import run_plain
from web.app import create_app
from web.route_table import ROUTES

container = build_container()
app = create_app(container, ROUTES)
collect_less_often()

if __name__ == "__main__":
    run_plain(container, app)
