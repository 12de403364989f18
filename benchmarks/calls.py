"""Names as tables print them: ``three_types(epsilon=-0.1)``, ``SLHF (tau_follower = 0)``."""

import ast
import re
from typing import Any

from games import SpecError

_CALL = re.compile(r"\w+ ?\(.*\)", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the parameters of a text; a text that is no call is a name.

    Raises
    ------
    SpecError
        If the text is a call that cannot be read.
    """
    if not _CALL.fullmatch(text):
        return text, {}
    try:
        call = _value(ast.parse(text, mode="eval").body)
        return call.pop("name"), call
    except (SyntaxError, TypeError, AttributeError, ValueError):
        raise SpecError(f"{text!r} cannot be read; expected name(parameter=value, ...)") from None


def _value(node: ast.expr) -> Any:
    """A number, text, list or game as plain data; words need no quotes, and + joins games."""
    match node:
        case ast.Name(id=word):
            return _WORDS.get(word, word)
        case ast.Call(func=ast.Name(id=name), args=[], keywords=pairs) if all(
            pair.arg for pair in pairs
        ):
            return {"name": name, **{str(pair.arg): _value(pair.value) for pair in pairs}}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [item for side in (left, right) for item in _items(_value(side))]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case _:
            return ast.literal_eval(node)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
