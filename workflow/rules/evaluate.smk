# Labels held against the truth, where the sheet names one; and how sure of them the model was, where it tells.


rule evaluate:
    input:
        labels=f"{STEP}/{STUDY.evaluate.of}.manifest.json",
        truth=lambda wildcards: SHEET.locate(sample(wildcards).truth or "no-truth"),
        probabilities=PROBABILITIES if STUDY.evaluate.of == "labels" else [],
    output:
        record=f"{STEP}/evaluation.json",
    log:
        f"{RESULTS}/logs/evaluate/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
        runtime=minutes(per_gigavoxel=20),
    params:
        name=STUDY.study,
        classes=[member.model_dump() for member in STUDY.classes],
        names=STUDY.judged_classes.names,
        ignore_value=STUDY.annotate.ignore_value,
        settings=STUDY.evaluate.model_dump(mode="json"),
        digest=digest_of(
            "evaluate",
            *plug_ins("tomocell.volumes.readers", "open_source"),
            *(
                name
                for name in plug_ins("tomocell.analyses", "measure")
                if name.endswith(".tortuosity")
            ),
        ),
    script:
        "../../scripts/evaluate.py"


rule evaluations:
    input:
        lambda wildcards: [
            f"{STEP}/evaluation.json".format(series=row.series, timestep=row.timestep)
            for row in SHEET.judged(wildcards.series)
        ],
    output:
        table=f"{RESULTS}/{{series}}/evaluation.csv",
    log:
        f"{RESULTS}/logs/evaluations/{{series}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluations/{{series}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        registers=STUDY.registration is not None,
        samples=lambda wildcards: [
            row.model_dump(mode="json") for row in SHEET.judged(wildcards.series)
        ],
        digest=digest_of("evaluations"),
    script:
        "../../scripts/evaluations.py"
