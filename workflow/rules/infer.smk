# The model labels every timestep; the nodes of a job (`nodes` of the profile) share the volume out in slabs.
from tomocell.models.saved import WEIGHTS, check_own_model

MODEL = f"{RESULTS}/models/{STUDY.model.name}"
# A model trained elsewhere says itself what it is.
OWN = (
    or_stop(check_own_model, Path(MODEL), STUDY.label_classes)
    if STUDY.model.trained
    else None
)
ARCHITECTURE = OWN.architecture if OWN else STUDY.model.architecture


rule infer:
    input:
        grey=f"{STEP}/{STUDY.grey}.manifest.json",
        card=f"{MODEL}/model.json",
        weights=f"{MODEL}/{OWN.weights_file if OWN else WEIGHTS}",
    output:
        manifest=f"{STEP}/labels.manifest.json",
        probabilities=PROBABILITIES,
    log:
        f"{RESULTS}/logs/infer/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/infer/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=4000,
        runtime=minutes(per_gigavoxel=30),
        nodes=1,
        gres="",
        cpus_per_task=lambda wildcards, threads: threads,
    params:
        settings=STUDY.model.infer.model_dump(mode="json"),
        digest=digest_of(
            "infer", *([f"tomocell.models.{ARCHITECTURE}"] if ARCHITECTURE else [])
        ),
    script:
        "../../scripts/infer.py"
