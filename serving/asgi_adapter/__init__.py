"""A WSGI application under an ASGI server: own bounded threads, nothing lost. Imports none of ours.

adapter      ThreadedWsgiToAsgi: admission, refusals, counters, shutdown
environ      scope -> environ, limits of the head
body         the body within its limits, spooled
lanes        bounded threads and queue
exchange     one request between loop and thread
application  PEP 3333: start_response, whole or streamed
headers      safe header bytes
stream       chunks with back-pressure
refusal      400, 408, 413, 414, 431, 500, 503
"""

from core.disconnect import CLIENT_DISCONNECTED_KEY, DisconnectSignal

from .adapter import ThreadedWsgiToAsgi
from .refusal import RefusalRenderer, render_plain_refusal

__all__ = [
    "CLIENT_DISCONNECTED_KEY",
    "DisconnectSignal",
    "RefusalRenderer",
    "ThreadedWsgiToAsgi",
    "render_plain_refusal",
]
