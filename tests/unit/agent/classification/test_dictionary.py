"""A dictionary file that lacks something is refused in one sentence that names it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.classification.dictionary import REQUIRED_WEIGHTS, SECTIONS, SHIPPED_FILE, load_dictionary
from agent.classification.rules import RuleClassifier
from common.errors import ConfigurationError


@pytest.fixture
def content() -> dict[str, Any]:
    return yaml.safe_load(SHIPPED_FILE.read_text())


def written(folder: Path, content: Any) -> Path:
    path = folder / "dictionary.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True))
    return path


@pytest.mark.parametrize("section", SECTIONS)
def test_missing_section_is_named(tmp_path: Path, content: dict[str, Any], section: str) -> None:
    del content[section]
    with pytest.raises(ConfigurationError, match=section):
        load_dictionary(written(tmp_path, content))


@pytest.mark.parametrize("weight", REQUIRED_WEIGHTS)
def test_missing_weight_is_named(tmp_path: Path, content: dict[str, Any], weight: str) -> None:
    del content["weights"][weight]
    with pytest.raises(ConfigurationError, match=weight):
        load_dictionary(written(tmp_path, content))


@pytest.mark.parametrize("value", ["much", None, True, -1, float("nan"), 1.5])
def test_impossible_weight_is_named(tmp_path: Path, content: dict[str, Any], value: Any) -> None:
    content["weights"]["max_confidence"] = value
    with pytest.raises(ConfigurationError, match="max_confidence"):
        load_dictionary(written(tmp_path, content))


@pytest.mark.parametrize("text", ["", "weights: [", "- a", "\tx", "weights: 1", "a: &a [*a]"])
def test_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"dictionary\.yaml"):
        load_dictionary(written(tmp_path, text))


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml"):
        load_dictionary(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("sql_patterns", ["("]),
        ("sql_patterns", [{"description": "x"}]),
        ("chat_keywords", "谢谢"),
        ("chat_keywords", [""]),
        ("non_business_keywords", ["荔枝"]),
        ("strong_business_keywords", {"核心": {"description": "x"}}),
    ],
)
def test_wrong_section_is_refused(tmp_path: Path, content: dict[str, Any], section: str, value: Any) -> None:
    content[section] = value
    with pytest.raises(ConfigurationError):
        load_dictionary(written(tmp_path, content))


def test_every_historical_form_of_a_section_is_read(tmp_path: Path, content: dict[str, Any]) -> None:
    content["strong_business_keywords"] = {
        "船": ["船"],
        "港口": {"description": "x", "weight": 9, "keywords": ["港口"]},
    }
    content["non_business_keywords"] = {"description": "x", "水果": ["荔枝"]}
    content["sql_patterns"] = [r"\bfrom\b", {"pattern": r"\bwhere\b", "case_sensitive": True}]
    content["query_intent_keywords"] = ["统计"]
    content["weights"] = {name: content["weights"][name] for name in REQUIRED_WEIGHTS}
    rules = RuleClassifier(load_dictionary(written(tmp_path, content)))
    assert (
        rules.classify("统计港口 WHERE").reason
        == "强业务特征 - 业务实体: ['港口:港口'], 查询意图: ['统计'], SQL: ['where']"
    )
    assert rules.classify("荔枝").question_type == "CHAT"


def test_shipped_vocabulary_has_no_keyword_twice() -> None:
    dictionary = load_dictionary()
    for keywords in (dictionary.business + dictionary.system, dictionary.non_business, dictionary.chat):
        texts = [keyword.text for keyword in keywords]
        assert len(texts) == len(set(texts))
