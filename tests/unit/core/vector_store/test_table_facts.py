"""Which words the lexical search asks for when some of them are in nearly every record."""

from core.vector_store.ann_index import VectorSpace
from core.vector_store.lexical import bigrams, shared_share
from core.vector_store.table_facts import selective_query

COMMON = {"服务": 90_000.0, "务区": 90_000.0, "营收": 40_000.0, "宜春": 300.0, "庐山": 1_500.0}


def test_common_words_are_left_out_while_rare_ones_are_there() -> None:
    assert selective_query(["宜春", "春服", "服务", "务区", "营收"], COMMON) == "'春服' | '宜春'"


def test_rare_words_are_asked_for_until_their_records_are_too_many() -> None:
    assert selective_query(["庐山", "宜春"], COMMON) == "'宜春' | '庐山'"
    assert selective_query(["庐山", "宜春", "赣州"], {**COMMON, "赣州": 400.0}) == "'宜春' | '赣州'"


def test_only_common_words_must_all_be_there() -> None:
    assert selective_query(["服务", "务区", "营收"], COMMON) == "'营收' & '服务' & '务区'"


def test_without_statistics_every_word_counts() -> None:
    assert selective_query(["服务", "务区"], {}) == "'服务' | '务区'"
    assert selective_query([], COMMON) == ""


def test_share_of_words_is_one_for_the_same_text_and_nothing_for_another() -> None:
    assert shared_share(bigrams("宜春服务区"), bigrams("宜春服务区")) == 1.0
    assert shared_share(bigrams("宜春服务区"), bigrams("车流量")) == 0.0
    assert shared_share([], []) == 0.0


def test_each_vector_space_has_an_index_of_its_own() -> None:
    names = {VectorSpace(model, size).index_name for model in ("a", "b") for size in (8, 16)}
    assert len(names) == 4
    assert all(len(name) < 63 for name in names)
    assert not VectorSpace("a", 8_000).is_indexable
