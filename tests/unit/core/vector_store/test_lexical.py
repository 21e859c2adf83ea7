"""Bigrams: what two texts must share to be found by words."""

from core.vector_store.lexical import MAX_BIGRAMS, any_of, bigrams


def test_chinese_runs_give_overlapping_pairs() -> None:
    assert bigrams("服务区营收") == ["服务", "务区", "区营", "营收"]


def test_lone_chinese_character_stands_for_itself() -> None:
    assert bigrams("钱？") == ["钱"]


def test_latin_words_stay_whole_and_lower_case() -> None:
    assert bigrams("Total SALES 2024") == ["total", "sales", "2024"]


def test_identifiers_are_found_by_their_parts_too() -> None:
    assert bigrams("bss_car_day_count") == ["bss_car_day_count", "bss", "car", "day", "count"]


def test_mixed_scripts_are_kept_apart() -> None:
    assert bigrams("近7天pay_sum") == ["近", "7", "天", "pay_sum", "pay", "sum"]


def test_full_width_forms_equal_the_plain_ones() -> None:
    assert bigrams("ＡＢＣ１２") == bigrams("abc12")


def test_repeated_terms_count_once() -> None:
    assert bigrams("哈哈哈哈") == ["哈哈"]


def test_quotes_and_operators_never_reach_the_query() -> None:
    assert any_of(bigrams("a' | !b \\ '':* \0")) == "'a' | 'b'"


def test_huge_texts_are_bounded() -> None:
    terms = bigrams(" ".join(f"word{number}" for number in range(MAX_BIGRAMS * 2)) + "x" * 5000)
    assert len(terms) == MAX_BIGRAMS
    assert len(bigrams("x" * 5000)[0]) == 64
