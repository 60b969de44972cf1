# Weights that start an encoder, from their address; on the driver's machine, as nodes of a cluster see no network.


localrules:
    weights,


rule weights:
    output:
        weights=PRETRAINED.path,
    log:
        f"{RESULTS}/logs/weights/{STUDY.model.name}.log",
    benchmark:
        f"{RESULTS}/benchmarks/weights/{STUDY.model.name}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        pretrained=PRETRAINED.model_dump(mode="json"),
    script:
        "../../scripts/weights.py"
