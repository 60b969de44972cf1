# The trained model labels every timestep.


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
