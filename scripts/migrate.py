"""`make migrate`: brings the platform database to the newest revision and prints which that is."""

from __future__ import annotations

import sys

import app_config
from bootstrap.stores import find_stores
from common.errors import CituError
from core.schema_migrations import upgrade_to_head


def main() -> int:
    """Exit code 0 and the revision reached, or 1 and one sentence."""
    try:
        print(_upgrade())
    except CituError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


def _upgrade() -> str:
    stores = find_stores(app_config.default_service(), lambda _step: None)
    try:
        return upgrade_to_head(stores.platform_url)
    finally:
        stores.close()


if __name__ == "__main__":
    sys.exit(main())
