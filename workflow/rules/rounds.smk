# Labels that grow round by round. `snakemake corrections` trains on the labels that are there and puts predicted planes
# of the open round into the study's folder of annotations; corrected planes that people save there close the round, and
# the next run, of `corrections` or of everything, trains on them.


localrules:
    corrections,


rule corrections:
    input:
        waiting(),


rule predict_round:
    input:
        grey=f"{STEP}/{STUDY.grey}.manifest.json",
        card=f"{RESULTS}/models/{{model}}/model.json",
        weights=f"{RESULTS}/models/{{model}}/model.safetensors",
    output:
        manifest=f"{STEP}/rounds/{{model}}.manifest.json",
    log:
        f"{RESULTS}/logs/predict_round/{{series}}.{{timestep}}.{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict_round/{{series}}.{{timestep}}.{{model}}.tsv"
    wildcard_constraints:
        model="|".join(LEARNERS),
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
        digest=digest_of("infer", f"tomocell.models.{STUDY.model.architecture}"),
    script:
        "../../scripts/infer.py"


rule export_round:
    input:
        grey=f"{STEP}/{STUDY.grey}.manifest.json",
        labels=lambda wildcards: [
            f"{RESULTS}/{wildcards.series}/{wildcards.timestep}/rounds/{name}.manifest.json"
            for name in decided_in(wildcards)
        ],
        weights=lambda wildcards: [
            f"{RESULTS}/models/{name}/model.safetensors"
            for name in decided_in(wildcards)
        ],
    output:
        page=f"{FOLDER}/{{series}}/round-{{round}}/{{timestep}}/round.json",
    log:
        f"{RESULTS}/logs/export_round/{{series}}.{{timestep}}.{{round}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/export_round/{{series}}.{{timestep}}.{{round}}.tsv"
    wildcard_constraints:
        round="[0-9]+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        classes=[member.model_dump() for member in STUDY.classes],
        names=STUDY.model.classes,
        decided=decided_in,
        priority=STUDY.label.priority or STUDY.model.classes,
        ignore_value=STUDY.annotate.ignore_value,
        settings=lambda wildcards: round_of(wildcards).model_dump(mode="json"),
        digest=digest_of("export_round"),
    script:
        "../../scripts/export_round.py"
