# Where the workflow meets the package: settings become types, rows become paths. No science here.
import os
import sys
from dataclasses import astuple
from pathlib import Path

from snakemake.exceptions import WorkflowError

LIBRARY = str(Path(workflow.basedir) / "workflow" / "lib")
sys.path.insert(0, LIBRARY)
# Jobs, on this machine or on a node, find the package the same way.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [LIBRARY, *filter(None, [os.environ.get("PYTHONPATH")])]
)

# Threads that spin while they wait stall each other where cores are shared: a training step of the demo took 1.2 s
# beside another busy process, 0.09 s with this, 0.06 s alone (2 cores).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tomocell.errors import BadInput
from tomocell.labelling.rounds import (
    decided,
    find_corrections,
    learners,
    open_round,
    to_correct,
)
from tomocell.reporting import assets
from tomocell.settings import discovery
from tomocell.settings.digest import script_digest
from tomocell.settings.load import load_project
from tomocell.settings.plug_ins import (
    files_read,
    results_read,
    settings_of_follower,
)
from tomocell.settings.preflight import check_scans, pretrained_of
from tomocell.settings.variables import check_variables
from tomocell.training.modules import weights_digest

DEFAULT_STUDY = "config/lithium.yaml"


def or_stop(read, *arguments):
    """Call `read`; bad input stops the workflow with its message, before any job."""
    try:
        return read(*arguments)
    except BadInput as error:
        raise WorkflowError(f"Bad input, nothing was run:\n{error}") from error


PROJECT = or_stop(load_project, Path(config.get("study", DEFAULT_STUDY)))
STUDY, SHEET, RESULTS = PROJECT.study, PROJECT.sheet, PROJECT.study.results
STEP = f"{RESULTS}/{{series}}/{{timestep}}"
PRETRAINED = pretrained_of(STUDY)
# What a model tells of its classes beside their labels, if it is asked to.
PROBABILITIES = (
    [f"{STEP}/probabilities/{name}.manifest.json" for name in STUDY.label_classes.names]
    if STUDY.model and STUDY.model.infer.probabilities
    else []
)
ENVIRONMENT = "../../envs/tomocell.yaml"


def profile_entries():
    """Return the resources that the profile sets, as it writes them."""
    settings = workflow.resource_settings
    groups = [settings.default_resources, *settings.overwrite_resources.values()]
    return [entry for group in groups if group for entry in group.args]


def manifest_of(sample):
    """Return where the manifest of a converted scan stands: its raw file may have been archived since."""
    return Path(f"{RESULTS}/{sample.series}/{sample.timestep}/volume.manifest.json")


def sample(wildcards):
    """Return the row of the sheet that a job is about."""
    return SHEET[wildcards.series, wildcards.timestep]


def digest_of(script, *plug_ins):
    """Return the digest of the code that a script runs, plug-ins in use included: a change re-runs its rule."""
    return or_stop(
        script_digest, Path(workflow.basedir) / "scripts" / f"{script}.py", *plug_ins
    )


def plug_ins(package, attribute):
    """Return the full names of all modules of a package that offer `attribute`."""
    return [
        f"{package}.{name}" for name in discovery.names_offering(package, attribute)
    ]


def minutes(per_gigavoxel, least=5):
    """Return a job's run time: `least` minutes and more for large scans, as long again for each attempt."""

    def runtime(wildcards, attempt):
        return attempt * round(
            least + per_gigavoxel * PROJECT.gigavoxels(sample(wildcards))
        )

    return runtime


def minutes_of_series(per_gigavoxel, least=5):
    """Return the run time of a job that reads all scans of a series, as long again for each attempt."""

    def runtime(wildcards, attempt):
        scans = SHEET.of(wildcards.series)
        return attempt * round(
            least + per_gigavoxel * sum(map(PROJECT.gigavoxels, scans))
        )

    return runtime


def over_series(per_timestep):
    """Return an input function: `per_timestep` of every timestep of the job's series."""

    def inputs(wildcards):
        found = dict(wildcards.items())
        return [
            per_timestep.format(**found, timestep=timestep)
            for timestep in SHEET.timesteps(wildcards.series)
        ]

    return inputs


def neighbour(wildcards):
    """Return volume and motion of the neighbour that a scan is fitted to; nothing where that is the reference."""
    step = SHEET.towards_reference(wildcards.series, wildcards.timestep)
    if STUDY.registration.follow == "reference" or step == SHEET.reference(
        wildcards.series
    ):
        return []
    folder = f"{RESULTS}/{wildcards.series}/{step}"
    return [f"{folder}/volume.manifest.json", f"{folder}/registration.json"]


# Only the driver looks at the scans; the jobs it starts read the settings again but open nothing.
if workflow.is_main_process:
    or_stop(check_scans, PROJECT, manifest_of)
