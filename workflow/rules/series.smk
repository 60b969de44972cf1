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
        results=lambda wildcards: [
            f"{RESULTS}/{file}"
            for file in results_read(
                wildcards.series,
                SHEET.timesteps(wildcards.series),
                wildcards.follower,
                settings_of_follower(
                    wildcards.follower, STUDY.series[wildcards.follower]
                ),
            )
        ],
        files=lambda wildcards: [
            SHEET.locate(file)
            for file in files_read(
                wildcards.series,
                wildcards.follower,
                settings_of_follower(
                    wildcards.follower, STUDY.series[wildcards.follower]
                ),
            )
        ],
    output:
        record=f"{RESULTS}/{{series}}/{{follower}}.json",
        table=f"{RESULTS}/{{series}}/{{follower}}.csv",
    log:
        f"{RESULTS}/logs/follow/{{series}}.{{follower}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/follow/{{series}}.{{follower}}.tsv"
    wildcard_constraints:
        follower="|".join(STUDY.series) or "none",
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
        runtime=minutes_of_series(per_gigavoxel=4),
    params:
        registers=STUDY.registration is not None,
        samples=lambda wildcards: [
            row.model_dump(mode="json") for row in SHEET.of(wildcards.series)
        ],
        sheet=SHEET.path,
        settings=lambda wildcards: STUDY.series[wildcards.follower],
        digest=lambda wildcards: digest_of(
            "follow", f"tomocell.series.{wildcards.follower}"
        ),
    script:
        "../../scripts/follow.py"
