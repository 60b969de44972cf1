# The page.


rule report:
    input:
        tables=expand(
            f"{RESULTS}/{{{{series}}}}/{{table}}.csv",
            table=[*STUDY.measure, *STUDY.series],
        ),
        phases=over_series(f"{STEP}/phases.manifest.json"),
        registrations=(
            over_series(f"{STEP}/registration.json") if STUDY.registration else []
        ),
        model=f"{RESULTS}/models/{STUDY.model.name}/model.json" if STUDY.model else [],
        evaluations=lambda wildcards: (
            f"{RESULTS}/{wildcards.series}/evaluation.csv"
            if SHEET.judged(wildcards.series)
            else []
        ),
        truth=PROJECT.path.parent / STUDY.report.truth if STUDY.report.truth else [],
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
        mem_mb=3000,
        runtime=15,
    params:
        study=PROJECT.path,
        settings=STUDY.report.model_dump(mode="json"),
        digest=digest_of(
            "report",
            *plug_ins("tomocell.reporting.sections", "build"),
            *plug_ins("tomocell.reporting.figures", "draw"),
        ),
        templates=assets.digest(),
    script:
        "../../scripts/report.py"
