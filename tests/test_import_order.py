"""Where `import mindspore` goes is isort's to say: what isort accepts before, it accepts after.

`test_fixtures` holds the tool to each `after.py`, byte for byte; here isort judges those texts.
"""

from __future__ import annotations

import isort
import pytest
from fixture_case import FIXTURES, Case, cases

POSITIVE = [case for case in cases() if case.is_positive]

#: What isort would change after the rewrite and not before, and why it stays so.
NOT_IN_ORDER = {
    "nn.NLLLoss/comment-on-the-import": "the comment of a removed import keeps its place, and "
    "isort wants a blank line above it",
}


def accepts(profile: str, source: bytes) -> bool:
    # The fixtures' folder holds no settings, so that those of this repository do not count.
    config = isort.Config(profile=profile, settings_path=str(FIXTURES))
    return bool(isort.check_code(source.decode(), config=config))


@pytest.mark.parametrize("profile", ["black", ""], ids=["black", "default"])
@pytest.mark.parametrize("case", POSITIVE, ids=lambda case: case.id)
def test_isort_accepts_after_what_it_accepted_before(case: Case, profile: str) -> None:
    if not accepts(profile, case.before):
        pytest.skip("isort would already change what the user wrote")
    assert accepts(profile, case.after) == (case.id not in NOT_IN_ORDER)


def test_most_cases_are_in_order_before() -> None:
    assert sum(accepts("black", case.before) for case in POSITIVE) > len(POSITIVE) / 2
