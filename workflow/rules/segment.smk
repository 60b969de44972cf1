# Grey values become labels: by a trained model, or by a threshold. A study has one of the two.

if STUDY.model:

    rule infer:
        input:
            grey=f"{STEP}/{STUDY.grey}.manifest.json",
            card=f"{RESULTS}/models/{STUDY.model.name}/model.json",
            weights=f"{RESULTS}/models/{STUDY.model.name}/model.safetensors",
        output:
            manifest=f"{STEP}/labels.manifest.json",
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
        params:
            settings=STUDY.model.infer.model_dump(mode="json"),
            digest=digest_of("infer", f"tomocell.models.{STUDY.model.architecture}"),
        script:
            "../../scripts/infer.py"


if STUDY.threshold:

    rule threshold:
        input:
            grey=f"{STEP}/{STUDY.grey}.manifest.json",
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
