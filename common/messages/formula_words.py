"""How people write that a measure is computed in a certain way; regular expressions and words in two languages."""

# ruff: noqa: E501 - lists of words

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEFINES: Final = (
    r":=|==?|≈|的?(?:计算)?(?:公式|口径|方式|方法|算法)(?:是|为|:)|等于|定义(?:为|是|成)|指的?是|是指|表示为|就是|应(?:该|当)?(?:按|为|是|等于)"
    r"|(?:按照?|用|以|拿)(?=[^,，]{1,60}(?:计算|算|来))|即(?!将|使|便|可)|理解(?:为|成)|视(?:为|作)|改(?:为|成|用)"
    r"|(?<=[\u4e00-\u9fffA-Za-z)）])(?:为|是|指)(?=\s*[A-Za-z_(`\d])|:(?=\s*[\w(`])"
    r"|\b(?:means?|equals?|denotes?|is|are|should be|must be|refers? to|stands? for|(?:is|are) (?:defined|calculated|computed) (?:as|by|with)"
    r"|(?:defined|calculated|computed|measured) (?:as|by))\b"
)
SYNONYM_FORMS: Final = (
    r"([^:=]+)(?:也就是|就是|即|又称|又叫|也叫|也称|亦称|简称|俗称|等同于|等价于)([^:=]+)"
    r"|([^:=]+)[与和同跟]([^:=]+)(?:含义相同|意思相同|意思一样|同义|是一回事|是同一回事)"
    r"|([^:=]+) (?:is another (?:word|name) for|is (?:also )?(?:called|known as)|is the same as|is short for|stands for|means) ([^:=]+)"
    r"|([^:=]+) and ([^:=]+) (?:mean|are) the same"
)
"""One name for another: two groups of the alternative that matches."""
LEADS: Final = ("字段", "列", "表", "column", "table")
DATES: Final = r"\d{2,4}[-/.年]\d{1,2}([-/.月]\d{1,2}日?)?|\d{1,2}:\d{2}(:\d{2})?|\d{1,2}[年月日号](?!均)"
COMPUTES: Final = (
    r"乘(?:以|上)?|除以|除|加上?|减去?|之和|之积|之差|之比|\d\s*倍|[一二两三四五六七八九十百千万]\s*倍|翻(?:倍|番|一番)|加倍|减半|折"
    r"|\b(?:times|multiplied|divided|plus|minus|doubled?|tripled?|halved?|half of|twice|sum of|ratio of|percent of)\b"
)
SCALES: Final = (
    r"(?:乘(?:以|上)?|除以|×|\*|÷|放大|缩小|扩大|上浮|下调|增加|减少|提高|打)\s*+(?:(?:到|了|为)\s*+)?[\d一二两三四五六七八九十百千万]"
    r"|\d\s*倍|[两三四五六七八九十百千万]\s*倍|翻(?:倍|番|一番)|加倍|减半"
    r"|\b(?:multipl(?:y|ied|ies)|divid(?:e|ed|es)|scaled?|increase|decrease|rais(?:e|ed)|reduc(?:e|ed))\b.{0,60}?\bby\s+\d"
    r"|\bdoubl(?:e|ed)\b|\btripl(?:e|ed)\b|\bhalv(?:e|ed)\b|\btwice\b|\b\d+(?:\.\d+)? times\b"
)
OPERATIONS: Final = (
    r"双倍|成倍|对半|一半|折算|换算|汇率|百分之|扣|去掉|去除|剔除|排除|不含|不计|不算|包含|包括|含|计入|仅|只|忽略|补|四舍五入|取整|摊"
    r"|\b(?:exclud\w*|includ\w*|only|except|without|ignor\w*|drop\w*|omit\w*|leaves? out|multipl\w*|net of|adds?|rounds?|rounded|zero|nothing|always|never|equals?)\b"
)
DOUBLES: Final = r"翻(?:倍|番|一番)|加倍|减半|\b(?:doubl|tripl|halv)(?:e|ed)\b|\btwice\b"
TERM_EXTRAS: Final = (
    r"^(?:注意|计算|统计|查询|规则|业务规则|说明|口径|提示|其中|以后|今后|从现在起|请|所有|全部|每个|the|all|note|rule|our)[\s:：,，]*"
    r"|(?:的?(?:计算)?(?:公式|口径|方式|方法|算法)|的?值|应该?|时请?|的时候|总是|一律|都|均|要|需要?|必须|must|should|always)$"
)
NUMBERS: Final[Mapping[str, str]] = {
    "两倍": "2", "二倍": "2", "三倍": "3", "四倍": "4", "五倍": "5", "六倍": "6", "七倍": "7", "八倍": "8", "九倍": "9", "十倍": "10",
    "百倍": "100", "千倍": "1000", "万倍": "10000", "一百": "100", "一千": "1000", "一万": "10000", "乘以二": "2", "乘以两": "2",
    "乘以三": "3", "乘以十": "10", "乘十": "10", "翻倍": "2", "翻番": "2", "翻一番": "2", "加倍": "2", "减半": "0.5", "除以二": "2",
    "除以十": "10", "doubled": "2", "double": "2", "twice": "2", "tripled": "3", "triple": "3", "halved": "0.5",
}  # fmt: skip
PLAIN_WORDS: Final = frozenset(
    [
        "sum",
        "avg",
        "count",
        "max",
        "min",
        "round",
        "nullif",
        "coalesce",
        "cast",
        "as",
        "numeric",
        "by",
        "the",
        "of",
        "and",
        "or",
        "a",
        "an",
        "in",
        "to",
        "per",
        "each",
        "all",
        "is",
        "are",
        "be",
        "times",
        "multiplied",
        "divided",
        "plus",
        "minus",
        "double",
        "doubled",
        "triple",
        "halved",
        "half",
        "twice",
        "ratio",
        "percent",
        "total",
        "x",
    ]
)
