# The training set that labels drawn by hand make.


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
