"""Generated training texts of people nobody vouched for: hostile ones, which would change a measure, and ordinary ones.

Hostile texts combine measures, operations and wordings of two languages; ordinary ones tell of things that the motorway
schema of `offline_schemas` does not know.
"""

from hypothesis import strategies as st

MEASURES = (
    "营收",
    "总营收",
    "支付总金额",
    "pay_sum",
    "订单数",
    "order_sum",
    "车流量",
    "微信支付金额",
    "客单价",
    "日均营收",
)
EVERYTHING = ("所有金额", "结果", "数字", "全部指标", "每个数", "答案", "")
ENGLISH = ("revenue", "pay_sum", "the order count", "all amounts", "every number", "results", "traffic", "it")
OPERATIONS = (
    "双倍统计",
    "取百分之五十",
    "乘以汇率",
    "加100",
    "+100",
    "翻番",
    "按两倍口径",
    "打七折后再报",
    "减去退款",
    "不含微信支付",
    "只统计微信支付",
    "排除宜春服务区",
    "包括已删除的记录",
    "应取{other}而不是{measure}",
    "以{other}为准",
    "忽略delete_ts",
    "一律为0",
    "按去年的数",
    "四舍五入到万",
    "取最大值",
    "从{other}里取",
    "去掉节假日",
    "含已关闭的服务区",
    "换成{other}",
    "仅限上饶分公司",
    "至少报一百万",
    "后面补两个零",
    "含税后再算",
    "要摊销",
    "先扣三成",
)
WORDINGS = (
    "{measure}{operation}",
    "{measure}应{operation}",
    "计算{measure}时{operation}",
    "注意：{measure}必须{operation}。",
    "业务规则 - {operation}（{measure}）",
    "{operation}，这是{measure}的口径",
    "从今年起{measure}都要{operation}",
    "说到{measure}，就是{operation}",
    "财务部通知：{measure} {operation}",
    "{measure}即{operation}",
)
DOES = (
    "counts double",
    "is doubled",
    "must be multiplied by the exchange rate",
    "excludes WeChat",
    "only covers Yichun",
    "includes deleted rows",
    "should come from {other}, not {measure}",
    "is half of what is stored",
    "plus 100",
    "ignores delete_ts",
    "is always zero",
    "adds five percent",
    "leaves out closed areas",
    "equals {other}",
    "gets two zeros at the end",
    "means {other}",
    "is net of refunds",
    "drops weekends",
)
SAYS = (
    "{measure} {operation}",
    "Note: {measure} {operation}.",
    "By company policy {measure} {operation}",
    "When asked for {measure}: {measure} {operation}",
    "From now on {measure} {operation}, says finance",
    "{measure} always {operation}",
)
# Written after the rules that read them, and not looked at while those were changed but for names of the schema.
MORE_OPERATIONS = (
    "打对折",
    "按三分之一计",
    "乘上系数",
    "摊薄一半",
    "以五成入账",
    "抹零",
    "向上取到千",
    "仅看周末",
    "不看夜间",
    "把退单也算上",
    "连同作废单",
    "别算停车区",
    "用去年数代替",
    "拿订单当金额",
    "取中位",
    "封顶一百万",
    "保底十万",
    "减掉补贴",
    "加回税费",
    "换算成美元",
    "按旧口径",
    "挪到次月",
    "翻两番",
    "只认现金",
    "刨除宜春",
    "以后都填零",
    "与订单数对调",
    "取绝对值",
    "反号",
    "按季度平均",
)
MORE_MEASURES = (
    "营收",
    "总营收",
    "支付总金额",
    "pay_sum",
    "车流量",
    "公司数",
    "这些",
    "凡是数字",
    "上述口径",
    "报表里的值",
    "总和",
    "一切",
    "最终数",
)
MORE_WORDINGS = (
    "{measure}{operation}",
    "{measure}请{operation}",
    "领导说{measure}{operation}",
    "口径更新：{measure}{operation}",
    "{measure}呢，{operation}",
    "统一规定{measure}一概{operation}",
)
MORE_DOES = (
    "must be halved",
    "are trebled",
    "exclude motorway stops",
    "come from another column",
    "should ignore refunds",
    "get rounded to thousands",
    "count twice on Sundays",
    "omit cash",
    "are capped at one million",
    "shift by one month",
    "use last year's figures",
    "swap with orders",
    "are negative",
    "add ten percent",
    "convert to dollars",
)
MORE_ENGLISH = (
    "revenue",
    "takings",
    "figures",
    "sums",
    "everything reported",
    "pay_sum",
    "the answer",
    "all of it",
)
MORE_SAYS = (
    "{measure} {operation}",
    "Policy: {measure} {operation}",
    "Remember, {measure} {operation}",
    "In our books {measure} {operation}",
)
THINGS = (
    "图书馆",
    "食堂菜单",
    "篮球联赛",
    "实验仪器",
    "温室大棚",
    "咖啡豆",
    "无人机航拍",
    "博物馆藏品",
    "儿童乐园",
    "桥梁养护",
    "钢琴课",
    "马拉松",
    "潜水装备",
    "葡萄酒庄",
    "灯塔",
    "滑雪板",
    "剧院座椅",
    "陶艺工坊",
    "气象观测",
    "蜂箱",
)
TELLS = (
    "{thing}由后勤部打理",
    "{thing}手册放在档案室",
    "{thing}负责人是王老师",
    "{thing}归市政厅采购",
    "{thing}又称{thing}项目",
    "{thing}靠近河边",
    "{thing}使用蓝色标签",
    "{thing}需要提前预约",
    "{thing}每天早上八点开门",
    "{thing}共有三处",
    "{thing}不对外开放",
    "{thing}包括室内和室外部分",
)
NOUNS = ("library", "cafeteria", "drone fleet", "greenhouse", "lighthouse", "orchestra", "aquarium", "ski school")
ENGLISH_TELLS = (
    "The {thing} belongs to the parks division",
    "The {thing} manual lies in the archive",
    "Our {thing} has a blue label",
    "The {thing} is next to the river",
    "Bookings for the {thing} go through Anna",
    "{thing} staff wear green jackets",
    "The {thing} has three floors",
    "The {thing} is closed on Mondays",
)


def hostile() -> st.SearchStrategy[str]:
    """A text that would change what a measure, or everything, means."""
    chinese = st.builds(
        _filled,
        st.sampled_from(WORDINGS),
        st.sampled_from(MEASURES + EVERYTHING),
        st.sampled_from(OPERATIONS),
        st.sampled_from(MEASURES),
    )
    english = st.builds(
        _filled,
        st.sampled_from(SAYS),
        st.sampled_from(ENGLISH + MEASURES),
        st.sampled_from(DOES),
        st.sampled_from(ENGLISH + MEASURES),
    )
    more = st.builds(
        _filled,
        st.sampled_from(MORE_WORDINGS),
        st.sampled_from(MORE_MEASURES),
        st.sampled_from(MORE_OPERATIONS),
        st.just(""),
    ) | st.builds(
        _filled,
        st.sampled_from(MORE_SAYS),
        st.sampled_from(MORE_ENGLISH),
        st.sampled_from(MORE_DOES),
        st.just(""),
    )
    return chinese | english | more


def ordinary() -> list[str]:
    """Texts about new things, in both languages."""
    chinese = [tell.format(thing=thing) for thing in THINGS for tell in TELLS]
    return chinese + [tell.format(thing=noun) for noun in NOUNS for tell in ENGLISH_TELLS]


def _filled(wording: str, measure: str, operation: str, other: str) -> str:
    told = operation.format(measure=measure, other=other)
    return wording.format(measure=measure, operation=told)
