"""Tomocell: raw scans in, tables one can trust out.

raw files -> volume -> registered -> labels -> phases -> records -> tables -> report
                           annotations -> training set -> model ^

    snakemake --cores 2                                       the demo: a lithium cell with known truth
    snakemake --cores 2 --config study=config/voids.yaml      another study
"""

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/convert.smk"


# A series is registered, a single volume need not be.
if STUDY.registration:

    include: "workflow/rules/register.smk"


# Labels come from a model, trained here unless it was elsewhere, or from a threshold.
if STUDY.model and not STUDY.model.trained:

    include: "workflow/rules/label.smk"
    include: "workflow/rules/train.smk"


if PRETRAINED and PRETRAINED.url:

    include: "workflow/rules/weights.smk"


if STUDY.model:

    include: "workflow/rules/infer.smk"


if STUDY.threshold:

    include: "workflow/rules/threshold.smk"


include: "workflow/rules/refine.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/series.smk"
include: "workflow/rules/report.smk"


envvars:
    "PYTHONPATH",


wildcard_constraints:
    series="[A-Za-z0-9_-]+",
    timestep="[A-Za-z0-9_-]+",


localrules:
    all,


# A profile may lean on variables of the environment, such as the account of a cluster.
onstart:
    or_stop(check_variables, profile_entries(), os.environ)


rule all:
    default_target: True
    input:
        expand(f"{RESULTS}/{{series}}/report.html", series=SHEET.series),
