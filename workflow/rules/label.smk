# Labels drawn by hand, and the training set that they make.


rule annotate:
    input:
        annotations=lambda wildcards: SHEET.locate(sample(wildcards).labels),
        grey=f"{STEP}/{STUDY.grey}.manifest.json",
    output:
        manifest=f"{STEP}/annotations.manifest.json",
    log:
        f"{RESULTS}/logs/annotate/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/annotate/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=minutes(per_gigavoxel=1),
    params:
        classes=[member.model_dump() for member in STUDY.classes],
        names=STUDY.label_classes.names,
        settings=STUDY.annotate.model_dump(mode="json"),
        digest=digest_of(
            "annotate", *plug_ins("tomocell.volumes.readers", "open_source")
        ),
    script:
        "../../scripts/annotate.py"


rule training_set:
    input:
        annotations=[
            f"{RESULTS}/{row.series}/{row.timestep}/annotations.manifest.json"
            for row in SHEET.labelled()
        ],
        grey=[
            f"{RESULTS}/{row.series}/{row.timestep}/{STUDY.grey}.manifest.json"
            for row in SHEET.labelled()
        ],
    output:
        training_set=f"{RESULTS}/models/{{model}}/training_set.json",
    log:
        f"{RESULTS}/logs/training_set/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/training_set/{{model}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        timesteps=[row.key for row in SHEET.labelled()],
        grey=STUDY.grey,
        model=STUDY.model.model_dump(mode="json", exclude={"infer"}),
        ignore_value=STUDY.annotate.ignore_value,
        digest=digest_of("training_set"),
    script:
        "../../scripts/training_set.py"
