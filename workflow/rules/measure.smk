# One job per timestep and analysis; an analysis named in the study is all it takes.


rule measure:
    input:
        phases=f"{STEP}/phases.manifest.json",
    output:
        record=f"{STEP}/{{analysis}}.json",
    log:
        f"{RESULTS}/logs/measure/{{series}}.{{timestep}}.{{analysis}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure/{{series}}.{{timestep}}.{{analysis}}.tsv"
    wildcard_constraints:
        analysis="|".join(STUDY.measure),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=minutes(per_gigavoxel=5),
    params:
        settings=lambda wildcards: STUDY.measure[wildcards.analysis],
        digest=lambda wildcards: digest_of(
            "measure", f"tomocell.analyses.{wildcards.analysis}"
        ),
    script:
        "../../scripts/measure.py"
