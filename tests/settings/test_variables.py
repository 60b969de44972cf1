"""A variable that a profile mentions and nobody set is named before the first job."""

from __future__ import annotations

import pytest

from tomocell.errors import BadInput
from tomocell.settings.variables import check_variables


def test_every_unset_variable_is_named_with_its_entry() -> None:
    entries = ["slurm_account='$TOMOCELL_ACCOUNT'", "tmpdir=${SCRATCH}/t", "runtime=30 * attempt", "qos=$QOS"]
    with pytest.raises(BadInput) as caught:
        check_variables(entries, {"QOS": "regular"})
    assert [fault.where.split()[-1] for fault in caught.value.faults] == ["SCRATCH", "TOMOCELL_ACCOUNT"]
    assert entries[0] in str(caught.value)


def test_set_to_nothing_is_set() -> None:
    check_variables(["slurm_account='$TOMOCELL_ACCOUNT'"], {"TOMOCELL_ACCOUNT": ""})


def test_entries_without_variables_need_nothing() -> None:
    check_variables(["mem_mb=4000 * attempt", "gres=gpu:4"], {})
