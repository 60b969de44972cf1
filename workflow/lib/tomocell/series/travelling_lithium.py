"""Travelling lithium: what each side of the cell gains and loses, beside the lithium of the charge.

Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 3d and Supplementary Fig. 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tomocell.analyses.result import Result, Scalar
from tomocell.electrochemistry.amount import UNKNOWN, Amount, total
from tomocell.errors import Fault
from tomocell.series.timeline import Outcome
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pandas as pd

    from tomocell.blocks import Limits
    from tomocell.series.timeline import Record, Timeline
    from tomocell.settings.samples import Sample

    Charges = Mapping[Hashable, Mapping[Hashable, Any]]

NEEDS = ("class_volumes",)
AFTER = ("faraday",)
SIDES = ("plating", "stripping")
SIDE_THAT_GAINS = {"charge": "plating", "discharge": "stripping"}
NOTHING = Amount(0.0, 0.0)


class Settings(Frozen):
    """Settings of the travelling lithium."""

    plating: tuple[str, ...] = Field(
        min_length=1,
        description="Classes of lithium on the plating side: its electrode, what was deposited, dendrites.",
        json_schema_extra=NAMES_CLASSES,
    )
    stripping: tuple[str, ...] = Field(
        min_length=1,
        description="Classes of lithium on the stripping side: its electrode, what was redeposited.",
        json_schema_extra=NAMES_CLASSES,
    )


def check(samples: Sequence[Sample], measures: Mapping[str, Any], settings: Settings) -> list[Fault]:  # noqa: ARG001
    """Return what can be known to be wrong before the first job: classes on both sides, or not measured."""
    without = set(getattr(measures.get("class_volumes"), "without", ()))
    both = set(settings.plating) & set(settings.stripping)
    faults = [Fault("stripping", name, "a class of one side", "remove it from one") for name in sorted(both)]
    return faults + [
        Fault(
            side, name, "classes whose volume is measured", f"remove it from measure.class_volumes.without or '{side}'"
        )
        for side in SIDES
        for name in getattr(settings, side)
        if name in without
    ]


def follow(timeline: Timeline, settings: Settings, limits: Limits) -> Outcome:  # noqa: ARG001
    """Return one row per timestep: lithium of each side, what it gained, and the lithium of the charge.

    - ``plating_um3``, ``stripping_um3``: imaged lithium of the side minus that of the first scan that has records.
    - ``charge_um3``: lithium of the net charge in the field of view: what the plating side should have gained and the
      stripping side lost.
    - ``net_um3``: all lithium. It should stay as it was: its spread over the series is the error of the segmentation.
    - ``side_capacity_ratio``: gain of the side that gains (plating on charge, stripping on discharge) since its half
      cycle began, over the lithium of the charge since then. Not a number where none has passed, or the scan at which
      the half cycle began has no records. Unlike ``capacity_ratio`` of ``faraday`` it counts the electrodes, and so
      what the split in depth or the network took for electrode. Its uncertainty is without that of the active area.

    Of the series: ``net_mean_um3``, ``net_sd_um3`` (of one scan; null for a single one).

    Uncertainties: of volumes as ``class_volumes`` has them, taken as independent between classes and scans. What all
    scans share (an interface set too far out) cancels in the gains, whose uncertainties are then too large; what the
    network confuses is not in them, but in ``net_sd_um3``.
    """
    import pandas as pd

    steps = [sample.timestep for sample in timeline.measured]
    volumes = {step: _volumes(timeline.records[step]["class_volumes"], settings) for step in steps}
    charges = timeline.followed["faraday"].set_index("timestep").to_dict("index")
    rows = [
        {"timestep": sample.timestep, "time_min": sample.time_min, **_row(sample.timestep, volumes, charges)}
        for sample in timeline.measured
    ]
    table = pd.DataFrame(rows)
    return Outcome(table, Result(_spread(table)))


def _volumes(record: Record, settings: Settings) -> dict[str, Amount]:
    return {
        side: total(
            [Amount(record[f"{name}_um3"], record[f"{name}_uncertainty_um3"]) for name in getattr(settings, side)]
        )
        for side in SIDES
    }


def _row(step: str, volumes: Mapping[str, Mapping[str, Amount]], charges: Charges) -> dict[str, float]:
    charge = _charge(charges[step])
    gains = {side: _gain(side, next(iter(volumes)), step, volumes) for side in SIDES}
    return {
        **gains["plating"].told("plating", "um3"),
        **gains["stripping"].told("stripping", "um3"),
        **charge.told("charge", "um3"),
        **total(list(volumes[step].values())).told("net", "um3"),
        **_ratio(step, volumes, charges).told("side_capacity_ratio"),
    }


def _gain(side: str, start: str, step: str, volumes: Mapping[str, Mapping[str, Amount]]) -> Amount:
    return NOTHING if start == step else volumes[step][side].minus(volumes[start][side])


def _charge(row: Mapping[Hashable, Any]) -> Amount:
    return Amount(row["charge_um3"], row["charge_uncertainty_um3"])


def _ratio(step: str, volumes: Mapping[str, Mapping[str, Amount]], charges: Charges) -> Amount:
    row = charges[step]
    side, start = SIDE_THAT_GAINS.get(row["direction"]), row["since"]
    if side is None or start not in volumes or start == step or not row["half_cycle_charge_mah"]:
        return UNKNOWN
    relative = row["half_cycle_charge_uncertainty_mah"] / row["half_cycle_charge_mah"]
    charge = abs(_charge(row).value - _charge(charges[start]).value)
    return _gain(side, start, step, volumes).over(Amount(charge, charge * relative))


def _spread(table: pd.DataFrame) -> dict[str, Scalar]:
    if not len(table):
        return {}
    net = table["net_um3"]
    return {"net_mean_um3": float(net.mean()), "net_sd_um3": float(net.std(ddof=1)) if len(net) > 1 else None}
