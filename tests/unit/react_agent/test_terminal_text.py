"""Nothing a model, a row or a user writes can steer the terminal."""

import pytest

from react_agent.terminal_text import plain


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x1b]0;title\x07", "a\rb", "\x9b31m", "\x08\x08", "\x00", "\u202eabc", "\ud800", "\x7f"]
)
def test_control_characters_are_replaced(text: str) -> None:
    shown = plain(text)
    assert not set(shown) & set("\x1b\x07\r\x9b\x08\x00\u202e\ud800\x7f")
    assert "\ufffd" in shown


def test_text_stays_as_it_is() -> None:
    assert plain("服务区\n\t共 3 个 ✅\r\n") == "服务区\n\t共 3 个 ✅\n"
    assert plain("a\nb\tc", is_one_line=True) == "a b c"
