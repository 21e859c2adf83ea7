"""Amounts that no column holds: quantity times unit price, where a table has both and no amount of its own."""

from __future__ import annotations

from collections.abc import Sequence

from common.business_schema import Column
from offline.relations import Field, Relation
from offline.text import fold, has_cjk, key
from offline.vocabulary import Vocabulary

_SECTIONS = ("amount_words", "price_changes", "quantity_words", "price_words")


def with_product(relation: Relation, vocabulary: Vocabulary) -> tuple[Field, ...]:
    """The fields with the product behind them, or as they are.

    There is none when the table has an amount, a share that changes the price (a discount, a tax), or several prices,
    nor where the quantity lies in stock: it was not sold.
    """
    figures = [item for item in relation.fields if item.is_measure and item.is_numeric]
    told = {section: _among(figures, vocabulary, section) for section in _SECTIONS}
    if [len(told[section]) for section in _SECTIONS] != [0, 0, 1, 1]:
        return relation.fields
    quantity, price = told["quantity_words"][0], told["price_words"][0]
    if _is(quantity, vocabulary, "stock_words"):
        return relation.fields
    title = "金额" if has_cjk(price.title) else "amount"
    comment = title if has_cjk(title) else ""
    column = Column("amount", price.column.data_type, comment, is_nullable=True)
    factors = (quantity, price)
    product = Field(relation.number, column, "number", "measure", title, ("amount",), factors=factors)
    return (*relation.fields, product)


def _among(figures: Sequence[Field], vocabulary: Vocabulary, section: str) -> list[Field]:
    return [item for item in figures if _is(item, vocabulary, section)]


def _is(item: Field, vocabulary: Vocabulary, section: str) -> bool:
    words = vocabulary.names(section)
    if section == "stock_words":
        named = f"{' '.join(item.stem)} {item.title}"
        return any(word in fold(named) for word in vocabulary.endings(section))
    ends = (key(" ".join(item.stem)), key(item.stem[-1]), key(" ".join(item.stem[-2:])), key(item.title))
    return any(end in words for end in ends) or any(
        fold(item.title).endswith(ending) for ending in vocabulary.endings(section) if not ending.isascii()
    )
