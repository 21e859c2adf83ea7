"""How columns about people are named and what stands in them; words and regular expressions in two languages."""

# ruff: noqa: E501 - lists of words

from __future__ import annotations

from typing import Final

PERSONAL_PARTS: Final = frozenset(
    ["person", "people", "contact", "contacts", "linkman", "customer", "client", "member", "patient", "student", "teacher", "employee", "emp", "staff", "driver", "cashier", "operator", "applicant", "recipient", "consignee", "passenger", "guest", "visitor", "user", "username", "nickname", "surname", "firstname", "lastname", "realname", "fullname", "givenname", "author", "creator", "editor", "reviewer", "approver", "manager", "owner", "holder", "signer", "phone", "phones", "mobile", "tel", "telephone", "cell", "cellphone", "fax", "email", "mail", "mailbox", "wechat", "weixin", "qq", "whatsapp", "telegram", "address", "addr", "street", "postcode", "zipcode", "zip", "passport", "ssn", "idcard", "identity", "birthday", "birth", "iban", "password", "passwd", "pwd", "token", "secret"]
)  # fmt: skip
PERSONAL_COMPOUNDS: Final = (
    "first_name", "last_name", "full_name", "real_name", "given_name", "family_name", "nick_name", "id_card", "id_no", "idno", "id_number",
    "card_no", "card_number", "bank_account", "account_no", "account_number", "licence_no", "license_no", "plate_no", "licence_plate", "license_plate",
    "created_by", "updated_by", "deleted_by", "modified_by", "create_by", "update_by", "ip_addr", "zip_code", "post_code",
)  # fmt: skip
CATEGORY_PARTS: Final = frozenset(
    [
        "type",
        "kind",
        "level",
        "status",
        "state",
        "category",
        "class",
        "group",
        "grade",
        "flag",
        "source",
        "channel",
        "sort",
    ]
)
NAME_PARTS: Final = frozenset({"name", "names", "xm", "xingming", "cname", "ename"})
PEOPLE_PARTS: Final = PERSONAL_PARTS | frozenset(
    ["users", "persons", "customers", "clients", "members", "patients", "students", "teachers", "employees", "staffs", "drivers", "cashiers", "authors", "owners"]
)  # fmt: skip
PEOPLE_COMMENT: Final = r"人员|员工|职工|用户|客户|会员|司机|驾驶员|收银员|学生|教师|老师|患者|联系人|乘客|业主|车主"
PERSONAL_COMMENT: Final = (
    r"姓名|名字|人名|联系人|负责人|经办人|操作人|操作员|收银员|员工|职工|会员|用户名|用户姓名|客户姓名|客户名|昵称|司机|驾驶员|车主|业主|法人"
    r"|电话|手机|联系方式|传真|邮箱|邮件|电子邮|身份证|证件号|护照|地址|住址|住所|门牌|邮编|银行卡|银行账|卡号|账号|帐号|车牌|生日|出生|微信号|QQ号"
    r"|创建人|修改人|更新人|删除人|审核人|审批人|经手人|密码|口令"
    r"|\b(?:person(?:al)? name|full name|first name|last name|surname|contact|phone|mobile|e-?mail|address|id card|passport|birth ?(?:day|date))\b"
)
PERSONAL_VALUES: Final = (
    r"(?<!\d)1[3-9]\d{9}(?!\d)",
    r"(?<![\d.])(?:\+\d{1,3}[ -]?)?(?:\(0?\d{2,4}\)[ -]?|0\d{2,3}[ -])\d{3,4}[ -]?\d{4}(?!\d)",
    r"\+\d{1,3}[ -]?\d{2,4}[ -]?\d{3,4}[ -]?\d{3,4}",
    r"[\w.+-]+@[\w-]+\.[\w.-]+",
    r"(?<!\d)\d{17}[\dXx](?!\w)",
    r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",
    r"(?<!\d)(?:\d{4}[ -]?){3}\d{4,7}(?!\d)",
    r"[\u4e00-\u9fff]{2,}(?:省|市|区|县|镇|乡).*(?:路|街|道|巷|弄|村|小区|大厦)\s*\d+\s*(?:号|弄|栋|幢|室)?",
    r"^\d+\s+(?:[A-Z][\w.]*\s+){1,4}(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd)\b",
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·\s]?[A-HJ-NP-Z0-9]{5,6}(?!\w)",
)
CHINESE_NAME: Final = (
    r"(?:欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|司徒|令狐|夏侯|端木"
    r"|[王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤])"
    r"[\u4e00-\u9fff]{1,2}"
)
