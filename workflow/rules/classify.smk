# A pixel classifier, grown from strokes.


rule train_classifier:
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
        card=f"{RESULTS}/models/{STUDY.classifier.name}/classifier.json",
        trees=f"{RESULTS}/models/{STUDY.classifier.name}/classifier.safetensors",
    log:
        f"{RESULTS}/logs/train_classifier/{STUDY.classifier.name}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_classifier/{STUDY.classifier.name}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        classes=[member.model_dump() for member in STUDY.classes],
        settings=STUDY.classifier.model_dump(mode="json"),
        digest=digest_of("train_classifier"),
    script:
        "../../scripts/train_classifier.py"


# Where a threshold segments the rest, what the classifier finds is only the beginning of the labels.
rule classify:
    input:
        grey=f"{STEP}/{STUDY.grey}.manifest.json",
        card=f"{RESULTS}/models/{STUDY.classifier.name}/classifier.json",
        trees=f"{RESULTS}/models/{STUDY.classifier.name}/classifier.safetensors",
    output:
        manifest=f"{STEP}/{'classified' if STUDY.threshold else 'labels'}.manifest.json",
    log:
        f"{RESULTS}/logs/classify/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/classify/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=4000,
        runtime=minutes(per_gigavoxel=60),
    params:
        settings=STUDY.classifier.model_dump(mode="json"),
        digest=digest_of("classify"),
    script:
        "../../scripts/classify.py"
