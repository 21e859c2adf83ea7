"""One SQL statement of the caller's own, guarded like any other: the `citu_run_sql` route."""
