# Records of all timesteps become tables over time.


rule collect:
    input:
        over_series(f"{STEP}/{{analysis}}.json"),
    output:
        table=f"{RESULTS}/{{series}}/{{analysis}}.csv",
    log:
        f"{RESULTS}/logs/collect/{{series}}.{{analysis}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect/{{series}}.{{analysis}}.tsv"
    wildcard_constraints:
        analysis="|".join(STUDY.measure),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        registers=STUDY.registration is not None,
        samples=lambda wildcards: [
            row.model_dump(mode="json") for row in SHEET.of(wildcards.series)
        ],
        digest=digest_of("collect"),
    script:
        "../../scripts/collect.py"


rule follow:
    input:
        lambda wildcards: [
            f"{RESULTS}/{wildcards.series}/{timestep}/{need}.json"
            for timestep in SHEET.timesteps(wildcards.series)
            for need in or_stop(
                discovery.load, "tomocell.series", wildcards.follower, "follow"
            ).NEEDS
        ],
    output:
        table=f"{RESULTS}/{{series}}/{{follower}}.csv",
    log:
        f"{RESULTS}/logs/follow/{{series}}.{{follower}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/follow/{{series}}.{{follower}}.tsv"
    wildcard_constraints:
        follower="|".join(STUDY.series) or "none",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        registers=STUDY.registration is not None,
        samples=lambda wildcards: [
            row.model_dump(mode="json") for row in SHEET.of(wildcards.series)
        ],
        settings=lambda wildcards: STUDY.series[wildcards.follower],
        digest=lambda wildcards: digest_of(
            "follow", f"tomocell.series.{wildcards.follower}"
        ),
    script:
        "../../scripts/follow.py"
