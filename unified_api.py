"""The unified entry: `app` is the WSGI application with the routes of `bootstrap.route_table`.

Started as `uvicorn asgi_app:asgi_app` (by `make run`), or as plain Flask with `python unified_api.py`.
"""

from bootstrap.container import build_container
from bootstrap.garbage_collection import collect_less_often
from bootstrap.route_table import ROUTES
from bootstrap.web import create_app

container = build_container()
app = create_app(container, ROUTES)
collect_less_often()

if __name__ == "__main__":
    container.run_plain(app)
