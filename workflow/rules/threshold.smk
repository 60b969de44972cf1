# Phases by threshold; what a classifier found first is put back.


rule threshold:
    input:
        grey=f"{STEP}/{STUDY.grey}.manifest.json",
        classified=f"{STEP}/classified.manifest.json" if STUDY.classifier else [],
    output:
        manifest=f"{STEP}/labels.manifest.json",
    log:
        f"{RESULTS}/logs/threshold/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/threshold/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
        runtime=minutes(per_gigavoxel=2),
    params:
        classes=[member.model_dump() for member in STUDY.classes],
        names=STUDY.label_classes.names,
        measured_porosity=lambda wildcards: sample(wildcards).measured_porosity,
        settings=STUDY.threshold.model_dump(mode="json"),
        digest=digest_of("threshold"),
    script:
        "../../scripts/threshold.py"
