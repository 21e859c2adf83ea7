"""Two small business schemas for tests of the offline brain: motorway service areas and schools."""

from common.business_schema import BusinessSchema, Column, Table

_AUDIT = (
    Column("id", "character varying(32)", "主键", is_nullable=False, is_primary_key=True),
    Column("create_ts", "timestamp without time zone", "创建时间"),
    Column("delete_ts", "timestamp without time zone", "删除时间"),
)
_AREAS = ("宜春服务区", "庐山服务区", "上饶服务区", "南康北服务区", "白鹭湖停车区")


def text(name: str, comment: str = "", values: tuple[str, ...] = ()) -> Column:
    return Column(name, "character varying(255)", comment, values=values)


def money(name: str, comment: str = "") -> Column:
    return Column(name, "numeric(19,4)", comment)


def whole(name: str, comment: str = "") -> Column:
    return Column(name, "integer", comment)


MOTORWAY = BusinessSchema(
    (
        Table(
            "public",
            "bss_business_day_data",
            "每日经营数据（经营数据）：每个档口每天一条",
            (
                *_AUDIT,
                Column("oper_date", "date", "营业日期（日期）"),
                text("service_no", "服务区编码"),
                text("service_name", "服务区名称（服务区）", _AREAS),
                text("branch_name", "档口名称（档口、门店）", ("宜春南区", "宜春北区", "庐山南区")),
                money("wx", "微信支付金额（微信、微信支付）"),
                whole("wx_order", "微信支付订单数（微信订单数、微信订单量）"),
                money("rmb", "现金支付金额（现金）"),
                whole("rmb_order", "现金支付订单数（现金订单数）"),
                whole("order_sum", "订单总数（订单数、订单量）"),
                money("pay_sum", "支付总金额（营收、收入、销售额）"),
            ),
        ),
        Table(
            "public",
            "bss_car_day_count",
            "每日车流量统计（车流）",
            (
                *_AUDIT,
                Column("customer_count", "bigint", "车辆数量（车流量、通行量）"),
                text("car_type", "车辆类型（车型）", ("其他", "危化品", "城际", "过境")),
                Column("count_date", "date", "统计日期"),
                text("service_area_id", "服务区ID"),
            ),
        ),
        Table(
            "public",
            "bss_company",
            "管理公司（公司、分公司）",
            (*_AUDIT, text("company_name", "公司名称（公司、分公司）", ("宜春分公司", "上饶分公司"))),
        ),
        Table(
            "public",
            "bss_service_area",
            "服务区：基本信息",
            (
                *_AUDIT,
                text("service_area_name", "服务区名称（服务区）", _AREAS),
                text("service_area_no", "服务区编码", ("H0814", "H0501")),
                text("company_id", "所属公司ID"),
                text("service_state", "服务区状态（状态）", ("开放", "关闭")),
            ),
        ),
    )
)

SCHOOLS = BusinessSchema(
    (
        Table(
            "public",
            "school",
            "学校",
            (
                Column("id", "integer", "主键", is_nullable=False, is_primary_key=True),
                text("name", "学校名称", ("第一中学", "实验中学")),
                text("city", "城市", ("北京", "上海")),
            ),
        ),
        Table(
            "public",
            "course",
            "课程",
            (
                Column("id", "integer", "主键", is_nullable=False, is_primary_key=True),
                text("title", "课程名称", ("数学", "语文")),
                whole("school_id", "学校ID"),
            ),
        ),
        Table(
            "public",
            "enrolment",
            "选课记录",
            (
                Column("id", "integer", "主键", is_nullable=False, is_primary_key=True),
                whole("course_id", "课程ID"),
                text("student_name", "学生姓名"),
                money("score", "成绩（分数）"),
                money("fee", "学费"),
                Column("enrolled_on", "date", "选课日期"),
                Column("deleted_at", "timestamp without time zone", "删除时间"),
            ),
        ),
    )
)

SHOPS = BusinessSchema(
    (
        Table("public", "stores", "", (whole("id"), text("name", "", ("North", "South")))),
        Table(
            "public",
            "orders",
            "",
            (
                whole("id"),
                whole("store_id"),
                money("amount"),
                text("status", "", ("paid", "open")),
                Column("ordered_on", "date"),
            ),
        ),
    )
)
