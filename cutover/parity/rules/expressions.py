"""The language in which rows state their conditions: Python's expressions without statements, imports and objects.

`a.b` is the member `b` of a JSON object and null where `a` has none or is no object; `a['b']` fails there, which makes
the whole condition false. Only the named text and mapping methods can be called.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import is_dataclass
from types import CodeType
from typing import Any

METHODS = frozenset({
    "startswith", "endswith", "strip", "lower", "upper", "partition", "rpartition", "split", "removeprefix",
    "removesuffix", "replace", "isascii", "get", "keys", "values", "items", "total",
})  # fmt: skip
NODES = (
    ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator, ast.Compare, ast.cmpop,
    ast.IfExp, ast.Call, ast.Name, ast.expr_context, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.List,
    ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.arguments, ast.arg, ast.Lambda, ast.keyword,
)  # fmt: skip


class ExpressionError(ValueError):
    """A condition that is not of this language; the message quotes it."""


def compiled(text: str) -> CodeType:
    """An expression, ready for `value_of`.

    Raises:
        ExpressionError: it has a syntax error, or something the language does not have.
    """
    return _compiled(" ".join(text.split("\n")), text)


def compiled_definition(head: str, text: str) -> tuple[str, CodeType]:
    """The name and the code of a definition such as `is_long(value)`: its parameters, then its expression.

    Raises:
        ExpressionError: as `compiled`.
    """
    name, _, parameters = head.partition("(")
    return name, _compiled(f"lambda {parameters.rstrip(')')}: ({' '.join(text.split(chr(10)))})", f"{head}: {text}")


def value_of(code: CodeType, scope: dict[str, Any]) -> Any:
    """The value of an expression whose names mean what `scope` says."""
    return eval(code, scope)  # noqa: S307 - text of the rows, reduced to `NODES` and without any builtin


def member(value: Any, name: str) -> Any:
    """The member of a JSON object, or the attribute of a record; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None) if is_dataclass(value) else None


def _compiled(source: str, shown: str) -> CodeType:
    try:
        tree = _Members().visit(ast.parse(source.strip(), mode="eval"))
    except SyntaxError as error:
        raise ExpressionError(f"{error.msg}: {shown}") from error
    odd = [type(node).__name__ for node in ast.walk(tree) if not isinstance(node, NODES)]
    hidden = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id.startswith("__")]
    if odd or hidden:
        raise ExpressionError(f"{[*odd, *hidden]} in: {shown}")
    return compile(ast.fix_missing_locations(tree), "<row>", "eval")


class _Members(ast.NodeTransformer):
    """Reads `a.b` as the member of a JSON object, unless it is one of the methods and is called."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute):
            if node.func.attr not in METHODS:
                raise ExpressionError(f"no such method: {node.func.attr}")
            node.func.value = self.visit(node.func.value)
        else:
            node.func = self.visit(node.func)
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name = ast.Constant(node.attr)
        return ast.Call(ast.Name("member", ast.Load()), [self.visit(node.value), name], [])
