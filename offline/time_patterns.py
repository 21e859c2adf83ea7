"""The patterns of dates and spans in Chinese and English that `TimeGrammar` reads; all match folded text."""

from __future__ import annotations

import re

CN = "[零〇一二两三四五六七八九十]"
MONTH_NAMES = {
    "january": 1, "jan": 1, "february": 2, "feb": 2, "march": 3, "mar": 3, "april": 4, "apr": 4, "may": 5, "june": 6,
    "jun": 6, "july": 7, "jul": 7, "august": 8, "aug": 8, "september": 9, "sept": 9, "sep": 9, "october": 10, "oct": 10,
    "november": 11, "nov": 11, "december": 12, "dec": 12,
}  # fmt: skip
_ENGLISH_MONTHS_TEXT = """
January February March April May June July August September October November December
"""
ENGLISH_MONTHS = tuple(_ENGLISH_MONTHS_TEXT.split())
EN_MONTH = rf"(?P<mn>{'|'.join(sorted(MONTH_NAMES, key=len, reverse=True))})\.?(?![a-z])"
_CN_DIGIT = "[零〇一二三四五六七八九]"
YEAR = (
    r"(?:(?P<y>(?:19|20)\d\d)\s*年?度?|(?P<ys>(?<!\d)[0-9]\d)年"
    rf"|(?P<yc>{_CN_DIGIT}{{4}}|{_CN_DIGIT}{{2}})年)\s*的?"
)
RELATIVE_YEAR = r"(?P<ry>今年|本年|去年|上年|前年|大前年)的?"
OF_YEAR = rf"(?:{YEAR}|{RELATIVE_YEAR})?\s*"
MONTH = rf"(?P<m>1[0-2]|0?[1-9]|{CN}{{1,2}})"
DAY = rf"(?P<d>3[01]|[12]\d|0?[1-9]|{CN}{{1,3}})"
TO = r"\s*(?:到|至|~|-+|—|to|through|until|till)\s*"

ISO_DAY = re.compile(
    r"(?P<y>(?:19|20)\d\d)(?P<sep>[-/.])(?P<m>1[0-2]|0?[1-9])(?P=sep)(?P<d>3[01]|[12]\d|0?[1-9])(?!\d)"
    r"|(?P<y8>(?:19|20)\d\d)(?P<m8>0[1-9]|1[0-2])(?P<d8>[0-2]\d|3[01])(?!\d)"
)
ISO_MONTH = re.compile(
    r"(?P<y>(?:19|20)\d\d)[-/.](?P<m>1[0-2]|0?[1-9])(?![\d/.-])|"
    r"(?P<m7>1[0-2]|0?[1-9])/(?P<y7>(?:19|20)\d\d)(?!\d)|(?P<y6>(?:19|20)\d\d)(?P<m6>0[1-9]|1[0-2])(?![\d.])"
)
DAY_OF_MONTH = re.compile(rf"{OF_YEAR}{MONTH}\s*月\s*{DAY}\s*(?:日|号)?(?!\d|{CN}(?!共)|个|天|共)")
ONLY_DAY = re.compile(rf"{DAY}(?:日|号)")
JOINED = re.compile(r"[和与及跟,]\s*\Z")
SHORT_DAY = re.compile(r"(?P<m>1[0-2]|[1-9])[.](?P<d>3[01]|[12]\d|[1-9])(?![\d.%万亿])")
MONTH_OF = re.compile(rf"{OF_YEAR}{MONTH}\s*月(?:份)?(?:的)?(?P<third>上旬|中旬|下旬|上半月|下半月|底|初)?")
MONTH_FIRST = re.compile(
    rf"{OF_YEAR}(?P<m>1[0-2]|0?[1-9]|{CN}{{1,2}})(?:月(?:份)?)?(?={TO}(?:1[0-2]|0?[1-9]|{CN}{{1,2}})\s*月)"
)
QUARTER = re.compile(rf"{OF_YEAR}(?:第?(?P<q>[一二三四1-4])\s*(?:个)?季度?|q(?P<q2>[1-4])(?:季度)?(?![\d]))")
HALF = re.compile(rf"{OF_YEAR}(?P<h>上半年|下半年)")
YEAR_OF = re.compile(rf"{YEAR}\s*(?:全年|度|整年)?(?!\s*(?:1[0-2]|[1-9])\s*月)|{RELATIVE_YEAR}(?:全年|整年)?")
EN_DAY = re.compile(
    rf"(?:{EN_MONTH}\s*(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\d)"
    r"(?:\s*,?\s*(?P<y>(?:19|20)\d\d|last year|this year))?"
    rf"|(?P<d2>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?\s+(?:of\s+)?{EN_MONTH.replace('mn', 'mn2')}"
    r"(?:\s*,?\s*(?P<y2>(?:19|20)\d\d))?)"
)
EN_MONTH_OF = re.compile(
    rf"(?:the\s+)?(?:month\s+of\s+)?{EN_MONTH}\s*(?:of\s+|,\s*)?(?P<y>(?:19|20)\d\d|last year|this year)?"
)
EN_QUARTER = re.compile(
    r"(?:the\s+)?(?:q(?P<q>[1-4])|(?P<o>first|second|third|fourth|last|1st|2nd|3rd|4th)\s+quarter)(?![a-z])"
    r"\s*(?:of\s+|in\s+|,\s*)?(?P<y>(?:19|20)\d\d|last year|this year)?"
)
EN_HALF = re.compile(
    r"(?:the\s+)?(?:(?P<h>first|second)\s+half|(?P<hn>h[12]))\s*(?:of\s+)?(?P<y>(?:19|20)\d\d|last year|this year)?"
)
EN_YEAR = re.compile(r"(?:the\s+)?(?:year\s+|calendar year\s+|fiscal year\s+)?(?P<y>(?:19|20)\d\d)(?![\d.%])")
LAST = re.compile(
    r"(?P<how>最近的?|近|这(?=几)|过去的?|之前|此前|前(?!几)"
    r"|(?:in |over |during |within )?(?:the )?(?:last|past|previous))\s*"
    rf"(?P<n>\d{{1,4}}|{CN}{{1,3}}|半|几|one|two|three|four|five|six|seven|eight|nine|ten|twelve|few)?"
    r"\s*(?:个)?\s*(?:calendar |full |whole )?"
    r"(?P<unit>天|日(?!均)|周|星期|月|季度|年|days?(?![a-z])|weeks?(?![a-z])|months?(?![a-z])|quarters?(?![a-z])|years?(?![a-z]))"
    r"(?:份|内|以来|里|之内|间|时间|中|(?=的))?"
)
WEEK_DAY = re.compile(
    r"(?P<w>本周|这周|上周|上上周|这个星期|上个星期|上星期|周|星期)(?P<d>[一二三四五六日天])(?!至|到|共)"
)
WEEKEND = re.compile(r"(?P<w>本周末|这周末|这个周末|上周末|上个周末|上上周末|last weekend|this weekend)")
AGO = re.compile(
    rf"(?<!\d)(?P<n>\d{{1,3}}|{CN}{{1,3}})(?P<unit>天|周|个星期|个月|月|年)(?:之?前|以前)|(?P<n2>\d{{1,4}}|one|two|three|four|five|six|seven|ten)\s+(?P<unit2>day|week|month|year)s?\s+ago"
)
AFTER = re.compile(
    r"\s*(?:以来|之后|以后|起|开始|后)(?:至今)?|\s*(?:至今|到今天|到现在|到目前)(?:为止)?|\s*(?:or|and)\s+(?:later|after|onwards?)|\s+onwards?"
)
BEFORE = re.compile(r"\s*(?:之前|以前|前(?![\d一二三四五六七八九十])|及以前)|\s*(?:or|and)\s+(?:earlier|before)")
LEAD_SINCE = re.compile(
    r"(?:自从|自|从|since|from|on or after|starting(?: from| in| on)?|beginning(?: in| on)?)\s*(?:the\s+)?"
)
LEAD_AFTER = re.compile(r"(?:晚于|after|later than)\s*(?:the\s+)?")
LEAD_BEFORE = re.compile(r"(?:早于|before|earlier than|prior to)\s*(?:the\s+)?")
FIRST_OF = re.compile(
    r"(?:the\s+)?(?P<edge>first|last)\s+(?P<n>\d{1,3}|two|three|four|five|six|seven|ten)?\s*"
    r"(?P<unit>day|week|month)s?\s+of\s+(?:the\s+)?"
)
EDGE_AFTER = re.compile(rf"的?(?P<edge>前|最后)(?P<n>\d{{1,3}}|{CN}{{1,3}})(?P<unit>天|个月|个季度|季度)")
DAYS_OF_MONTH = re.compile(
    rf"(?P<d>3[01]|[12]\d|0?[1-9])\s*(?:to|-|until|through)\s*(?P<e>3[01]|[12]\d|0?[1-9])\s+(?:of\s+)?{EN_MONTH}"
    r"(?:\s*,?\s*(?P<y>(?:19|20)\d\d))?"
)
EN_BARE_DAY = re.compile(r"(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\d)(?:\s*,?\s*(?P<y>(?:19|20)\d\d))?")
SHIFT_BACK = re.compile(
    r"(?P<month>上一?个?月|前一?个?月|the month before|(?:the )?previous month)"
    r"|(?P<year>上一年|前一年|the year before|(?:the )?previous year)"
    r"|(?P<day>前一天|上一天|the day before|(?:the )?previous day)"
)
SHIFT_ON = re.compile(
    r"(?P<month>下一?个?月|后一?个?月|the month after|the next month)"
    r"|(?P<year>下一年|后一年|the year after|the next year)"
    r"|(?P<day>第二天|次日|后一天|下一天|the day after|the next day)"
)
LEAD_UNTIL = re.compile(
    r"(?:截至|截止到?|直到|until|up to|up until|on or before|through|by)\s*(?:the\s+)?(?:end\s+of\s+)?(?:the\s+)?"
)
LEAD_BETWEEN = re.compile(r"(?:介于|between)\s*")
AND = re.compile(r"\s*(?:和|与|及|and|到|至)\s*")
LEAD_IN = re.compile(r"(?:in|on|during|of|for|within|at|dated|throughout)\s+(?:the\s+)?(?:all of\s+)?")
