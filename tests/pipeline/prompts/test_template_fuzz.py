"""Random prompt templates, by the thousand, and proof that they find faults: `tests/fuzz/templates.py`."""

import pytest

from tests.fuzz import templates
from tests.fuzz.template_faults import BETWEEN_PROCESSES, FAULTS


def test_some_random_templates() -> None:
    found = templates.run(150, seed=5)
    assert found["faults"] == []
    assert found["texts"] > 20  # not all are refused


@pytest.mark.slow
def test_thousands_of_random_templates_in_two_processes() -> None:
    different, found = templates.differences(3_300, seed=0)
    print(f"{found['cases']:,} templates, {found['texts']:,} texts, {found['mib']} MiB, {found['seconds']} s")
    assert found["faults"] == []
    assert different == []
    assert found["texts"] > 600


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_put_back_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault in BETWEEN_PROCESSES:
        assert templates.differences(150, 0, fault)[0]
        return
    FAULTS[fault](monkeypatch.setattr)
    assert templates.run(600, 0, 10.0, until_fault=True)["faults"]
