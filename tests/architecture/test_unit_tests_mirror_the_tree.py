"""A unit test lies where the code it is about lies: `core/llm/client.py` is looked at in `tests/unit/core/llm`."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"
TESTS = sorted(UNIT.rglob("test_*.py"))


def room_of(test: Path) -> Path:
    """The folder of the product that the test's folder stands for."""
    return test.parent.relative_to(UNIT)


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.relative_to(UNIT).as_posix())
def test_a_unit_test_lies_in_the_room_it_is_about(test: Path) -> None:
    room = room_of(test)
    assert list((ROOT / room).glob("*.py")), f"there is no {room} to be mirrored"
    package = "/".join(room.parts[:2]).replace("/", ".") or test.stem.removeprefix("test_")
    assert package in test.read_text("utf-8"), f"nothing of {package} is named in it"


def test_only_what_is_about_a_module_of_the_root_lies_at_the_top() -> None:
    alone = [test for test in UNIT.glob("test_*.py") if not (ROOT / test.name.removeprefix("test_")).is_file()]
    assert alone == []
