"""One door into the training store: nobody else writes its rows or its quarantine (ADR 0024)."""

import ast
import re

from tests.architecture.test_layers_and_sizes import MODULES, relative, tree_of

WRITERS = {
    "core/vector_store/door.py": "the door itself",
    "core/vector_store/quarantine.py": "the one statement that puts a record in quarantine, and the restore's clean-up",
    "core/vector_store/restore.py": "puts a backup back, which is screened in the same transaction",
    "core/vector_store/reembedding.py": "changes vectors, never texts",
    "features/training_data/quarantine_repository.py": "settles what waits",
    "features/training_data/repository.py": "gives the hash of removed duplicates to the one that stays",
}
STORE = "core/vector_store/store.py"
PRIVATE = {"hold", "collection_of"}
"""Names of `core.vector_store` that write or that only a writer needs."""
STATEMENT = re.compile(
    r"(?:insert\s+into|update|copy)\s+(?:\w+\.)?(?:langchain_pg_embedding|training_quarantine)\b", re.IGNORECASE
)
TABLES = {"EMBEDDING", "QUARANTINE"}


def test_nobody_goes_round_the_training_door() -> None:
    """Benchmarks fill stores of their own, so `tools` is not looked at."""
    looked_at = [path for path in MODULES if relative(path) not in WRITERS and not relative(path).startswith("tools/")]
    ways = {relative(path): _ways_round(tree_of(path), is_store=relative(path) == STORE) for path in looked_at}
    assert {path: found for path, found in ways.items() if found} == {}


def test_a_way_round_is_seen() -> None:
    ways = (
        "session.execute(insert(EMBEDDING).values(row))",
        "session.execute(tables.QUARANTINE.insert(), rows)",
        "self.insert(QUARANTINE, [row])",
        "execute('INSERT INTO langchain_pg_embedding (id) VALUES (1)')",
        "execute(f'update {x} set a = 1; UPDATE training_quarantine SET status = 1')",
        "from core.vector_store.quarantine import hold",
        "update(EMBEDDING).values(waits_for=None)",
        "from sqlalchemy import insert as put\nput(EMBEDDING)",
        "from core.vector_store.tables import EMBEDDING as rows\nrows.insert()",
    )
    assert [way for way in ways if not _ways_round(ast.parse(way), is_store=False)] == []


def _ways_round(tree: ast.Module, *, is_store: bool) -> list[str]:
    found: list[str] = []
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: alias.name for alias in node.names}
            if (node.module or "").startswith("core.vector_store") and not is_store:
                found += [alias.name for alias in node.names if alias.name in PRIVATE]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.search(node.value):
            found.append(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += _writing(node, imported)
    return found


def _writing(call: ast.Call, imported: dict[str, str]) -> list[str]:
    is_method = isinstance(call.func, ast.Attribute)
    name = _name(call.func)
    owner = [call.func.value] if isinstance(call.func, ast.Attribute) else []
    tables = {imported.get(_name(one), _name(one)) for one in (*owner, *call.args[:1])}
    is_write = (name if is_method else imported.get(name, name)) in {"insert", "update"}
    return [f"{name} {table}" for table in tables & TABLES if is_write]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
