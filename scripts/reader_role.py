"""Prints the SQL that makes a read-only login on a business database we do not own.

    python -m scripts.reader_role [--role citu_reader] [--schemas public,sales] [--denied public.staff.pay]
        [--functions public.tax_of] | psql -v ON_ERROR_STOP=1 DATABASE

Run it as the owner of the schemas (`temp_file_limit` needs a superuser), then set a password: `\\password citu_reader`.
`--denied` and `--functions` take what SQL_DENIED_COLUMNS and SQL_ALLOWED_FUNCTIONS hold. Functions that run with their
owner's rights, and volatile ones of the schemas, lose EXECUTE for PUBLIC: grant it back to the roles that need it.
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
    parser.add_argument("--denied", default="", help="`schema.table.column` it may not read, comma-separated")
    parser.add_argument("--functions", default="", help="`schema.function` it may call, comma-separated")
    options = parser.parse_args(arguments)
    schemas, denied, functions = map(_listed, (options.schemas, options.denied, options.functions))
    sys.stdout.write(grant_script(options.role, schemas, denied, functions))
    return 0


def _listed(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
