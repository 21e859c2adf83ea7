"""Table lists, names, DDL, pages, pair files and replies of a model: exact texts, and hostile ones."""

import json
from pathlib import Path

import pytest

from data_pipeline.ddl_text import render_ddl, type_text
from data_pipeline.document_text import render_document
from data_pipeline.errors import PipelineError
from data_pipeline.identifiers import file_stem, quote_name
from data_pipeline.model_replies import read_comments, read_json, read_pairs, read_repairs, read_themes
from data_pipeline.pair_files import pair_file_name, read_pair_file
from data_pipeline.schema_diff import compare, snapshot_of
from data_pipeline.schema_reader import BusinessTable, TableColumn
from data_pipeline.table_list import TableName, parse_table_list
from data_pipeline.task import PipelineLimits, database_name_of
from data_pipeline.task_folder import TaskFolder
from data_pipeline.text_writer import Theme
from data_pipeline.theme_files import render_metadata
from data_pipeline.training_files import training_file

LIMITS = PipelineLimits()
COMPANY = BusinessTable(
    "public", "bss_company", "公司信息表，记录公司", (
        TableColumn("id", "character varying(32)", "主键ID", False, None, True, samples=("a1", "b2", "c3")),
        TableColumn("create_ts", "timestamp without time zone", "创建时间\n, evil int", default="now()"),
        TableColumn("state", "character varying(50)", "", enum_values=("关闭", "开放")),
        TableColumn("select", "numeric(19,4)", "", default="'0'::numeric"),
    ), primary_key=("id",),
)  # fmt: skip


def test_ddl_has_the_contract_s_lines_with_the_comma_before_the_comment() -> None:
    assert render_ddl(COMPANY).splitlines() == [
        "-- 中文名: 公司信息表",
        "-- 描述: 公司信息表，记录公司",
        "create table public.bss_company (",
        "  id varchar(32) not null,    -- 主键ID，主键",
        "  create_ts timestamp default current_timestamp, -- 创建时间 , evil int",
        "  state varchar(50),",
        "  \"select\" numeric(19,4) default '0',",
        "  primary key (id)",
        ");",
    ]
    assert render_ddl(COMPANY, has_comma_after_comment=True).splitlines()[3] == (
        "  id varchar(32) not null     -- 主键ID，主键,"
    )


def test_page_has_the_contract_s_lines() -> None:
    assert render_document(COMPANY).splitlines() == [
        "## bss_company（公司信息表）",
        "bss_company 表公司信息表，记录公司",
        "字段列表：",
        "- id (varchar(32)) - 主键ID [主键, 非空] [示例: a1, b2]",
        "- create_ts (timestamp) - 创建时间 , evil int",
        "- state (varchar(50)) [示例: 关闭, 开放]",
        "- select (numeric(19,4))",
        "字段补充说明：",
        "- id 为主键",
        "- create_ts 的时间由系统自动写入",
        "- state 为枚举字段，包含取值：关闭、开放",
    ]


@pytest.mark.parametrize(
    ("data_type", "text"),
    [("timestamp(3) with time zone", "timestamptz(3)"), ("character(4)", "char(4)"), ("integer[]", "integer[]"),
     ('"Mood"', '"Mood"'), ("time without time zone", "time")],
)  # fmt: skip
def test_types_stay_types(data_type: str, text: str) -> None:
    assert type_text(data_type) == text


def test_table_list_skips_comments_doubles_and_system_tables() -> None:
    content = (
        '\ufeff# x\n-- y\n\na, public.a , ods."订 单"\n"we""ird,name"\npg_class\ninformation_schema.tables\nb;drop\n'
    )
    found = parse_table_list(content.encode(), LIMITS)
    assert found.tables == (
        TableName("public", "a"), TableName("ods", "订 单"), TableName("public", 'we"ird,name'),
    )  # fmt: skip
    assert found.system == (TableName("public", "pg_class"), TableName("information_schema", "tables"))
    assert found.invalid == ("b;drop",)
    assert parse_table_list("客户".encode("gbk"), LIMITS).tables == (TableName("public", "客户"),)
    assert parse_table_list(b"sql_orders", LIMITS).tables == (TableName("public", "sql_orders"),)


@pytest.mark.parametrize("content", [b"", b"# only", b"a.b.c", b"\xff\xff\xff", b'a."', b".a", b"a."])
def test_list_without_a_table_is_refused(content: bytes) -> None:
    with pytest.raises(PipelineError):
        parse_table_list(content, LIMITS)


@pytest.mark.parametrize(
    ("schema", "name", "stem"),
    [("public", "a__b", "a_b"), ("ods", "t", "ods_t"), ("public", "../../etc/passwd", "_etc_passwd"),
     ("public", "..", "table_2e2e"), ("public", "订 单", "订_单")],
)  # fmt: skip
def test_file_names_stay_in_their_folder(schema: str, name: str, stem: str) -> None:
    assert file_stem(schema, name) == stem


def test_names_are_quoted_where_they_must_be() -> None:
    assert [quote_name(name) for name in ("a_1", "A", "user", 'a"b', "订单")] == [
        "a_1", '"A"', '"user"', '"a""b"', '"订单"',
    ]  # fmt: skip


def test_folder_refuses_paths_and_keeps_what_people_wrote(tmp_path: Path) -> None:
    folder = TaskFolder(tmp_path)
    for name in ("../x", "a/b", "..", "", "a\0"):
        with pytest.raises(PipelineError):
            folder.write(name, "x")
    assert folder.write("a.md", "one") == "a.md"
    (tmp_path / "a.md").write_text("by hand")
    reopened = TaskFolder(tmp_path)
    assert [reopened.write("a.md", "two"), reopened.write("a.md", "three")] == ["a.md_new", "a.md_new"]
    assert (tmp_path / "a.md").read_text() == "by hand"
    assert training_file("a.md_new") is None


def test_torn_journal_and_half_written_files_are_survived(tmp_path: Path) -> None:
    folder = TaskFolder(tmp_path)
    folder.write("a.md", "one")
    with (tmp_path / ".pipeline" / "written.jsonl").open("a") as journal:
        journal.write('["a.md", "tor')
    (tmp_path / ".a.md.1.tmp").write_text("half")
    again = TaskFolder(tmp_path)
    again.drop_half_written()
    assert again.write("a.md", "two") == "a.md"
    assert TaskFolder(tmp_path).is_ours("a.md")
    assert again.names() == ["a.md"]


def test_metadata_quotes_everything() -> None:
    theme = Theme("it's", "a\nb", ("public.t", 'x,"y'), ("{z}", "\\"), ())
    text = render_metadata([theme], business_context="c\nDROP", database="d", created="now")
    assert "'it''s'" in text
    assert """'{t,"x,\\"y"}'""" in text
    assert """'{"{z}","\\\\"}'""" in text
    assert "\nDROP" not in text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("t.ddl", "ddl"), ("a.md", "documentation"), ("metadata_detail.md", "documentation"), ("q_pair.json", "sql"),
     ("q_pairs.sql", "sql"), ("x.sql", "sql"), ("t.ddl_1", None), ("q_pair.json_old", None),
     ("q_pair.json.backup", None), ("metadata.txt", None), ("task_result.json", None)],
)  # fmt: skip
def test_files_that_count_as_training_data(name: str, kind: str | None) -> None:
    found = training_file(name)
    assert (found.kind if found else None) == kind


def test_pair_file_keeps_places_of_items_that_are_no_pairs() -> None:
    file = read_pair_file("x", json.dumps([1, {"Question": "q", "SQL": "s"}, {"question": "", "sql": "s"}]).encode())
    assert list(file.pairs) == [1]
    for content in (b"{}", b"[", b"\xff", b"[" * 100_000):
        with pytest.raises(PipelineError):
            read_pair_file("x", content)
    assert pair_file_name("../../x", "1") == "qs__x_1_pair.json"


def test_model_replies_are_read_by_name_and_bounded() -> None:
    comment, columns = read_comments(
        {"table_comment": "a\nb" * 500, "columns": [{"name": "id", "comment": 5}, "x", {"comment": "y"}]}
    )
    assert len(comment) == 200
    assert columns == {"id": ("", False)}
    known = {"t": "public.t"}
    themes = read_themes(
        [{"name": "甲", "description": "d", "related_tables": ["T", "none"]}, {"topic_name": "乙"}], known
    )
    assert themes == [Theme("甲", "d", ("public.t",))]
    assert [pair.sql for pair in read_pairs(read_json('x\n```json\n{"pairs":[{"question":"q","sql":"s"}]}\n```'))] == [
        "s"
    ]
    assert read_repairs({"repaired_sqls": ["", "s"]}, 2) == [None, "s"]
    for call in (lambda: read_json("no"), lambda: read_pairs([]), lambda: read_repairs(["s"], 2)):
        with pytest.raises(PipelineError):
            call()


def test_difference_names_tables_and_columns() -> None:
    before = snapshot_of([COMPANY, BusinessTable("public", "gone", "", ()), BusinessTable("public", "other", "", ())])
    changed = BusinessTable("public", "bss_company", "新", (TableColumn("id", "bigint"), TableColumn("more", "text")))
    found = compare(before, snapshot_of([changed, BusinessTable("public", "new", "", ())]), {"public.gone"})
    assert (found["added_tables"], found["removed_tables"], found["unlisted_tables"]) == (
        ["public.new"], ["public.gone"], ["public.other"],
    )  # fmt: skip
    change = found["changed_tables"]["public.bss_company"]
    assert change["added_columns"] == ["more"]
    assert change["changed_columns"][0]["after"]["type"] == "bigint"
    assert compare(before, before, ())["has_changes"] is False


def test_database_name_comes_from_the_connection_string() -> None:
    assert database_name_of("postgresql://u:p@h:5432/highway_db?x=1") == "highway_db"
    assert database_name_of("postgresql://u:p@h:5432/") == "database"
