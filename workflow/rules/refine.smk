# Labels become phases.


rule refine:
    input:
        labels=f"{STEP}/labels.manifest.json",
    output:
        manifest=f"{STEP}/phases.manifest.json",
    log:
        f"{RESULTS}/logs/refine/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/refine/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
        runtime=minutes(per_gigavoxel=5),
    params:
        classes=[member.model_dump() for member in STUDY.classes],
        settings=STUDY.refine.model_dump(mode="json"),
        digest=digest_of("refine"),
    script:
        "../../scripts/refine.py"
