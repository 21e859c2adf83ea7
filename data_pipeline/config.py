"""The data pipeline's own settings. Registered with the application's settings service by `app_config.rows`.

What they stand for and the historical defaults: contract 5.8.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from common.settings_table import Setting

Pipeline = partial(Setting, section="data_pipeline")

SETTINGS: Final[tuple[Setting, ...]] = (
    Pipeline(
        "PIPELINE_OUTPUT_DIR",
        str,
        "data_pipeline/training_data",
        "Folder of the tasks' folders, relative to the project.",
    ),
    Pipeline("PIPELINE_CONCURRENT_TABLES", int, 4, "Tables of one task read at once.", minimum=1, maximum=64),
    Pipeline("PIPELINE_SAMPLE_ROWS", int, 20, "Rows sampled of each table.", minimum=1, maximum=1000),
    Pipeline(
        "PIPELINE_LARGE_TABLE_ROWS",
        int,
        1_000_000,
        "Rows from which a table is sampled in places instead of from its beginning.",
        minimum=1000,
    ),
    Pipeline("PIPELINE_THEMES", int, 5, "Themes a model is asked for.", minimum=1, maximum=50),
    Pipeline("PIPELINE_QUESTIONS_PER_THEME", int, 10, "Question/SQL pairs of a theme.", minimum=1, maximum=100),
    Pipeline("PIPELINE_STATEMENT_TIMEOUT", int, 30, "Seconds one look at a table may take.", minimum=1, maximum=3600),
    Pipeline(
        "PIPELINE_WORKERS",
        int,
        1,
        "Worker processes the launcher starts beside the service; `make worker` adds more.",
        minimum=0,
        maximum=32,
    ),
    Pipeline(
        "PIPELINE_LEASE_SECONDS",
        int,
        10,
        "Seconds after which a task of a silent worker goes on in another.",
        minimum=2,
        maximum=3600,
    ),
    Pipeline("PIPELINE_SYSTEM_PREFIXES", tuple, (), "Further beginnings of table names that are left out."),
    Pipeline("PIPELINE_SYSTEM_SCHEMAS", tuple, (), "Further schemas whose tables are left out."),
)
