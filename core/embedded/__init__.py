"""Real PostgreSQL and Redis from wheels, for machines that have none: `acquire_servers` starts or joins them.

Called by bootstrap and the launcher when no URL is set. Nothing here is imported when production names its own servers.
"""

from core.embedded.addresses import ServerAddresses
from core.embedded.lease import ServerLease, acquire_servers
from core.embedded.status import read_addresses

__all__ = ["ServerAddresses", "ServerLease", "acquire_servers", "read_addresses"]
