from tests.support.files_by_worker import ROOT
from tests.support.time_budget import PART_OF, PARTS, table


def test_every_file_with_slow_tests_has_a_part_and_a_budget() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    slow = {file for file in files if "pytest.mark" + ".slow" in (ROOT / file).read_text(encoding="utf-8")}
    assert set(PART_OF) == slow
    assert len(PART_OF) == sum(len(part.files) for part in PARTS)  # none in two parts


def test_the_table_says_what_was_spent() -> None:
    node = f"tests/{PARTS[0].files[0]}::test_it"
    lines = table([(node, 30.0), (node, 1290.0), ("tests/test_time_budget.py::test", 9.0)])
    assert lines[1].split() == [*PARTS[0].name.split(), "22.0", "20.0", "over", "its", "budget"]
    assert lines[-1].split() == ["all", "22.0", "82.0"]
