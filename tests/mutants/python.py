"""Mutants of Python: each changes one statement, or the first line of a statement with a block."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
}  # fmt: skip
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete)
_JUMPS = (ast.Break, ast.Continue)
_WITH_BLOCK = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)
_NO_VALUE = {"target", "targets", "annotation", "cause", "optional_vars"}
_BLOCKS = ("body", "orelse", "finalbody", "handlers")
_FOR_TYPES = ("__all__", "__slots__", "TYPE_CHECKING", "TypeVar(", "cast(")
_NORMALISES = {"strip", "lstrip", "rstrip", "lower", "upper", "casefold", "removeprefix", "removesuffix"}


def head(statement: ast.stmt) -> str:
    """Write a statement without its block."""
    if not isinstance(statement, _WITH_BLOCK):
        return ast.unparse(statement)
    alone = copy(statement)
    alone.body = [ast.Pass()]
    if hasattr(alone, "orelse"):
        alone.orelse = []
    return ast.unparse(alone).removesuffix("\n    pass")


def statements(tree: ast.AST, scope: str = "") -> Iterator[tuple[str, list[ast.stmt], int]]:
    """Yield where each statement is that may have mutants: its function, its block and its index there."""
    for name in _BLOCKS:
        block = getattr(tree, name, [])
        for index, item in enumerate(block):
            inner = scope
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{scope}.{item.name}".strip(".")
            elif isinstance(item, _SIMPLE + _JUMPS + _WITH_BLOCK):
                if _is_docstring(item) or any(word in head(item) for word in _FOR_TYPES):
                    continue
                yield scope, block, index
            if not inner.endswith("__repr__"):
                yield from statements(item, inner)


def mutants(statement: ast.stmt) -> list[str]:
    """Return the mutants of a statement, as `head` writes them; "pass" is the statement removed."""
    before, found = head(statement), []
    for owner, name, index in list(_places(statement)):
        values = getattr(owner, name)
        node = values if index is None else values[index]
        for changed in _changed(node, is_test=name in {"test", "ifs"}):
            _put(owner, name, index, changed)
            found.append(head(statement))
        _put(owner, name, index, node)
    if isinstance(statement, ast.Return) and statement.value:
        found.append("return None")
    if _may_be_removed(statement):
        found.append("pass")
    return [text for text in dict.fromkeys(found) if text != before and "\n" not in before + text]


def replace(block: list[ast.stmt], index: int, changed: str) -> None:
    """Put a mutant in the place of a statement, with the block of the statement."""
    old = block[index]
    new = ast.parse(f"{changed}\n    pass" if isinstance(old, _WITH_BLOCK) else changed).body[0]
    for name in _BLOCKS:
        if hasattr(old, name):
            setattr(new, name, getattr(old, name))
    block[index] = new


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield where the expressions are that make the value of a statement."""
    left_out = _NO_VALUE.union(_BLOCKS) if isinstance(node, ast.stmt) else _NO_VALUE
    for name, value in ast.iter_fields(node):
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, ast.AST) and name not in left_out:
                yield node, name, index if isinstance(value, list) else None
                yield from _places(item)


def _put(owner: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(owner, name, node)
    else:
        getattr(owner, name)[index] = node


def _changed(node: ast.AST, *, is_test: bool) -> Iterator[ast.AST]:  # noqa: PLR0912  # one branch for each kind
    """Yield what may take the place of an expression."""
    if is_test:
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.Constant):
        yield from map(ast.Constant, _other_constants(node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            ops = [*node.ops[:index], _OTHER[type(operator)](), *node.ops[index + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(_OTHER[type(node.op)](), node.values)
        yield from _shorter(node, "values", least=2)
    elif isinstance(node, ast.BinOp):
        if type(node.op) in _OTHER:
            yield ast.BinOp(node.left, _OTHER[type(node.op)](), node.right)
        elif not isinstance(node.op, ast.Mod):
            yield node.left
    elif isinstance(node, ast.Call):
        yield from _shorter(node, "keywords", least=1)
        if len(node.args) > 1 and ast.unparse(node.func) != "isinstance":
            yield ast.Call(node.func, node.args[:-1], node.keywords)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _NORMALISES:
            yield node.func.value
    elif isinstance(node, ast.List | ast.Set):
        yield from _shorter(node, "elts", least=2)
    elif isinstance(node, ast.Dict):
        for index in range(len(node.keys)):
            yield ast.Dict(_without(node.keys, index), _without(node.values, index))
    elif isinstance(node, ast.comprehension):
        for index in range(len(node.ifs)):
            yield ast.comprehension(node.target, node.iter, _without(node.ifs, index), node.is_async)


def _shorter(node: ast.AST, name: str, *, least: int) -> Iterator[ast.AST]:
    """Yield a node without each of the items of a field."""
    items = getattr(node, name)
    for index in range(len(items) if len(items) >= least else 0):
        shorter = copy(node)
        setattr(shorter, name, _without(items, index))
        yield shorter


def _without(items: list[ast.AST], index: int) -> list[ast.AST]:
    return [*items[:index], *items[index + 1 :]]


def _other_constants(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1]
    if isinstance(value, str):
        is_message = " " in value.strip()
        return ["" if is_message else value[:-1]] if value else ["x"]
    return [value[:-1]] if isinstance(value, bytes) else []


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _may_be_removed(statement: ast.stmt) -> bool:
    """Whether the rest still has all its names: a missing one is not worth a test."""
    if isinstance(statement, ast.Assign):
        return all(isinstance(target, ast.Attribute | ast.Subscript) for target in statement.targets)
    return isinstance(statement, (ast.Expr, ast.AugAssign, ast.Raise, ast.Delete, *_JUMPS))
