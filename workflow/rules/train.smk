# One training, on as many ranks as the profile gives; its checkpoints outlive a kill, so that a retry goes on. Where
# the profile gives a margin, it ends by itself so many minutes before its run time is over.


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
    wildcard_constraints:
        model="|".join(LEARNERS),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=8000,
        runtime=120,
        margin_min=0,
        nodes=1,
        devices=1,
        gres="",
        cpus_per_task=lambda wildcards, threads: threads,
    params:
        study=PROJECT.path,
        model=lambda wildcards: LEARNERS[wildcards.model].model.what_trains,
        digest=lambda wildcards: weights_digest(LEARNERS[wildcards.model].model),
    shell:
        "python -m tomocell.training.launch --nodes {resources.nodes} --devices {resources.devices} "
        "--cpus {resources.cpus_per_task} --gres '{resources.gres}' "
        "-- tomocell train {params.study:q} --name {wildcards.model} "
        "--limit-min {resources.runtime} --margin-min {resources.margin_min} > {log:q} 2>&1"
