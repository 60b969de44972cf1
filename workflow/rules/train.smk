# One training, on as many ranks as the profile gives; its checkpoints outlive a kill, so that a retry goes on.


rule train:
    input:
        training_set=f"{RESULTS}/models/{{model}}/training_set.json",
        pretrained=PRETRAINED.path if PRETRAINED else [],
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
        nodes=1,
        devices=1,
        gres="",
        cpus_per_task=lambda wildcards, threads: threads,
    params:
        study=PROJECT.path,
        model=STUDY.model.model_dump(mode="json", exclude={"infer"}),
        digest=weights_digest(STUDY.model.architecture),
    shell:
        "python -m tomocell.training.launch --nodes {resources.nodes} --devices {resources.devices} "
        "--cpus {resources.cpus_per_task} --gres '{resources.gres}' "
        "-- tomocell train {params.study:q} > {log:q} 2>&1"
