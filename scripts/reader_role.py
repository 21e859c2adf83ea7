"""Prints the SQL that makes a read-only login on a business database we do not own.

    python -m scripts.reader_role [--role citu_reader] [--schemas public,sales] | psql -v ON_ERROR_STOP=1 DATABASE

Run it as the owner of the schemas (`temp_file_limit` needs a superuser), then set a password: `\\password citu_reader`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from core.sql_executor.reader_role import grant_script


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the script to standard output."""
    parser = argparse.ArgumentParser(prog="python -m scripts.reader_role", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--role", default="citu_reader", help="name of the login")
    parser.add_argument("--schemas", default="public", help="schemas it may read, comma-separated")
    options = parser.parse_args(arguments)
    schemas = [name.strip() for name in options.schemas.split(",") if name.strip()]
    sys.stdout.write(grant_script(options.role, schemas))
    return 0


if __name__ == "__main__":
    sys.exit(main())
