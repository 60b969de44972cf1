# The training sets that labels make: of the study's network, and of those of rounds of labelling.


rule training_set:
    input:
        annotations=[
            f"{RESULTS}/{series}/{timestep}/annotations.manifest.json"
            for series, timestep in LABELLED
        ],
        grey=[
            f"{RESULTS}/{series}/{timestep}/{STUDY.grey}.manifest.json"
            for series, timestep in LABELLED
        ],
    output:
        training_set=f"{RESULTS}/models/{{model}}/training_set.json",
    log:
        f"{RESULTS}/logs/training_set/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/training_set/{{model}}.tsv"
    wildcard_constraints:
        model="|".join(LEARNERS),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        timesteps=LABELLED,
        grey=STUDY.grey,
        model=lambda wildcards: LEARNERS[wildcards.model].model.what_trains,
        rest=lambda wildcards: LEARNERS[wildcards.model].rest,
        ignore_value=STUDY.annotate.ignore_value,
        digest=digest_of("training_set"),
    script:
        "../../scripts/training_set.py"
