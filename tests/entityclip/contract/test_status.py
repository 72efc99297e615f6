"""The statuses, and which of them go with an explanation."""

import copy
import json
import pickle

import pytest

from entityclip.contract.status import EXPLAINED, Status


def test_those_down_to_over_context_are_explained() -> None:
    statuses = list(Status)
    assert list(EXPLAINED) == statuses[: statuses.index(Status.OVER_CONTEXT) + 1]


def test_a_status_is_its_text() -> None:
    for status in Status:
        assert status == status.value and f"{status}" == status.value and json.loads(json.dumps(status)) == status.value
        assert Status(status.value) is status is pickle.loads(pickle.dumps(status)) is copy.deepcopy(status)
        assert status.meaning and status.meaning != status.value
    with pytest.raises(ValueError, match="'good' is not a valid Status"):
        Status("good")
