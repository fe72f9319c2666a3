"""Arithmetic for models: expressions of numbers, operators and five functions, and nothing else of Python.

All values are doubles, so that no expression can grow or run for long; a result is finite or an error.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

#: characters; far below what the parser's stack can take
MAX_EXPRESSION = 400
#: levels of parentheses, signs and operators
MAX_DEPTH = 150
#: decimals that `round` may be asked for
MAX_DECIMALS = 15

_TOKENS = re.compile(
    r"(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])|(?:round|min|max|abs|sum)\b|[-+*/%(),\s])*",
    re.ASCII,
)


class CalculationError(ValueError):
    """An expression could not be calculated; the text says why."""


def calculate(expression: str) -> float:
    """Return the value of an arithmetic expression.

    Raises:
        CalculationError: it is no arithmetic, too long or too deep, or has no finite value.
    """
    if len(expression) > MAX_EXPRESSION:
        raise CalculationError(f"expression was longer than {MAX_EXPRESSION} characters")
    if not expression.strip() or _TOKENS.fullmatch(expression) is None:
        raise CalculationError(
            "expression may have numbers, + - * / // % **, parentheses and round, min, max, abs, sum; nothing else"
        )
    try:
        return finite(_value(ast.parse(expression.strip(), mode="eval").body, MAX_DEPTH))
    except CalculationError:
        raise
    except ZeroDivisionError:
        raise CalculationError("expression divides by zero") from None
    except OverflowError:
        raise CalculationError("result was too large") from None
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise CalculationError("expression was not complete arithmetic") from None


def finite(value: float) -> float:
    """Return a result without the noise behind its 15th digit; whole numbers that doubles can count are integers.

    Raises:
        CalculationError: the value is not finite.
    """
    try:
        clean = float(f"{float(value):.15g}")
    except OverflowError:
        clean = math.inf
    if not math.isfinite(clean):
        raise CalculationError("result was not a finite number")
    return int(clean) if clean.is_integer() and abs(clean) < 1e15 else clean


def _power(base: float, exponent: float) -> float:
    if base < 0 and not exponent.is_integer():
        raise CalculationError("a negative number has no power that is not whole")
    return float(base**exponent)


def _round(value: float, decimals: float = 0.0) -> float:
    if not decimals.is_integer() or abs(decimals) > MAX_DECIMALS:
        raise CalculationError(f"round takes up to {MAX_DECIMALS} decimals")
    return round(value, int(decimals))


_OPERATORS: Mapping[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}

_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "round": _round,
    "abs": abs,
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "sum": lambda *values: math.fsum(values),
}


def _value(node: ast.AST, depth: int) -> float:
    if depth == 0:
        raise CalculationError(f"expression was nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    function, operands = _parts(node)
    return function(*(_value(operand, depth - 1) for operand in operands))


def _parts(node: Any) -> tuple[Callable[..., float], list[ast.expr]]:  # noqa: ANN401
    """Return what a node calls and with what."""
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)], [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)], [node.operand]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _FUNCTIONS[node.func.id], node.args
    raise CalculationError("expression was not plain arithmetic; numbers have no commas in them")
