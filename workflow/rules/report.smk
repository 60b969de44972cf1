# The page.


rule report:
    input:
        tables=expand(f"{RESULTS}/{{{{series}}}}/{{table}}.csv", table=[*STUDY.measure, *STUDY.series]),
        phases=over_series(f"{STEP}/phases.manifest.json"),
    output:
        page=report(
            f"{RESULTS}/{{series}}/report.html",
            caption="../report/page.rst",
            category="Reports",
            labels={"series": "{series}"},
        ),
    log:
        f"{RESULTS}/logs/report/{{series}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/report/{{series}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        study=PROJECT.path,
        settings=STUDY.report.model_dump(mode="json"),
        digest=stage_digest("report"),
    script:
        "../../scripts/report.py"
