"""What a model is shown of a schema with five hundred tables: the right ones, and no more than fits."""

from datetime import date

import pytest

from agent.prompt_context import PromptLimits, PromptMaterial, table_list
from common.answering import SqlRequest, TrainedPair
from common.business_schema import BusinessSchema, Column, Join, Table
from core.llm.token_estimate import estimated_tokens

TOPICS = (
    "采购",
    "仓储",
    "人事",
    "考勤",
    "合同",
    "巡检",
    "能耗",
    "安防",
    "会议",
    "车辆",
    "资产",
    "报修",
    "培训",
    "招标",
)
PARTS = ("主表", "明细", "日志", "配置", "汇总", "审批", "附件", "历史", "关联", "统计")


def filler(number: int) -> Table:
    topic, part = TOPICS[number % len(TOPICS)], PARTS[number % len(PARTS)]
    columns = [Column("id", "bigint", "主键", is_primary_key=True)]
    columns += [Column(f"f{n}", "varchar(64)", f"{topic}字段{n}的业务说明") for n in range(27)]
    columns += [Column("service_area_id", "bigint", "服务区主键"), Column("create_ts", "timestamp", "创建时间")]
    return Table("public", f"oa_{number}_rec", f"{topic}{part}{number}", tuple(columns))


AREA = Table(
    "public",
    "bss_service_area",
    "服务区",
    (
        Column("id", "bigint", "主键", is_primary_key=True),
        Column("area_name", "text", "服务区名称", values=("庐山服务区", "宜春服务区", "丰城服务区")),
        *(Column(f"attribute_{n}", "text", f"备用属性{n}") for n in range(60)),
        Column("open_date", "date", "开业日期"),
    ),
)
INCOME = Table(
    "public",
    "bss_business_day_data",
    "每日营业收入",
    (
        Column("id", "bigint", "主键", is_primary_key=True),
        Column("service_area_id", "bigint", "服务区主键"),
        Column("wx", "numeric", "微信支付金额"),
        Column("pay_sum", "numeric", "支付总金额"),
        Column("oper_date", "date", "统计日期"),
    ),
)
LINK = Table(
    "public",
    "map_x",
    "",
    (Column("left_ref", "bigint"), Column("right_ref", "bigint")),
)
SECTION = Table("public", "road_section", "高速路段", (Column("id", "bigint", "", is_primary_key=True),))
SCHEMA = BusinessSchema(
    (*(filler(number) for number in range(496)), AREA, INCOME, LINK, SECTION),
    (Join("map_x", "left_ref", "bss_service_area", "id"), Join("map_x", "right_ref", "road_section", "id")),
)
MATERIAL = PromptMaterial(PromptLimits())


def shown(question: str, **more: object) -> str:
    request = SqlRequest(question, "", SCHEMA, date(2024, 6, 30), **more)  # type: ignore[arg-type]
    return MATERIAL.choose(request).text


@pytest.mark.parametrize(
    ("question", "tables"),
    [
        ("庐山服务区昨天的微信支付金额", ["bss_service_area", "bss_business_day_data"]),
        ("宜春的开业日期", ["bss_service_area"]),
        ("各服务区的支付总金额排名", ["bss_service_area", "bss_business_day_data"]),
        ("pay_sum 最高的一天", ["bss_business_day_data"]),
        ("每个高速路段有几个服务区", ["bss_service_area", "road_section", "map_x"]),
        ("招标明细有多少条", ["oa_13_rec"]),
    ],
)
def test_the_tables_a_question_is_about_are_shown_within_the_cap(question: str, tables: list[str]) -> None:
    text = shown(question)
    assert estimated_tokens(text) <= PromptLimits().material_tokens
    for table in tables:
        assert f"\n{table}" in f"\n{text}"


def test_named_value_and_named_column_of_a_wide_table_come_first() -> None:
    text = shown("丰城服务区的开业日期")
    assert "VALUES: 丰城服务区" in text
    assert "open_date" in text


def test_ways_from_table_to_table_are_shown() -> None:
    text = shown("每个高速路段有几个服务区")
    assert "map_x.left_ref = bss_service_area.id" in text
    assert "bss_business_day_data.service_area_id = bss_service_area.id" in shown("各服务区的支付总金额")


def test_tables_of_similar_questions_are_shown_though_nothing_else_speaks_for_them() -> None:
    pairs = [TrainedPair("那个数", "SELECT count(*) FROM oa_321_rec", 0.9, "r1")]
    assert "oa_321_rec" in shown("那个数是多少", pairs=pairs)


def test_everything_at_once_stays_within_the_cap() -> None:
    text = shown(
        "庐山服务区昨天的微信支付金额" * 30,
        pairs=[TrainedPair("问" * 200, "SELECT " + "x" * 3000, 0.9)] * 6,
        wrong_pairs=[TrainedPair("错" * 500, "SELECT 1")] * 6,
        ddl=["CREATE TABLE " + "d" * 20_000] * 6,
        documentation=["说明" * 5_000] * 6,
    )
    assert estimated_tokens(text) <= PromptLimits().material_tokens


def test_list_of_tables_leaves_columns_out_when_there_are_too_many() -> None:
    text = table_list(MATERIAL.ranked("每日营业收入多少", "", SCHEMA), 3_000)
    assert text.startswith("bss_business_day_data（每日营业收入）")
    assert estimated_tokens(text) <= 3_000
