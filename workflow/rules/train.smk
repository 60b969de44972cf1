# One training, on as many ranks as the profile gives; its checkpoints outlive a kill, so that a retry goes on.


rule train:
    input:
        training_set=f"{RESULTS}/models/{{model}}/training_set.json",
    output:
        card=f"{RESULTS}/models/{{model}}/model.json",
        weights=f"{RESULTS}/models/{{model}}/model.safetensors",
        history=f"{RESULTS}/models/{{model}}/history.csv",
    log:
        f"{RESULTS}/logs/train/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{model}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=8000,
        runtime=120,
        devices=1,
    params:
        study=PROJECT.path,
        model=STUDY.model and STUDY.model.model_dump(mode="json", exclude={"infer"}),
        digest=STUDY.model and stage_digest("train", f"tomocell.models.{STUDY.model.architecture}"),
    shell:
        "python -m tomocell.training.launch --devices {resources.devices} "
        "-- tomocell train {params.study} --threads {threads} --log {log}"
