# Labels drawn by hand, on the grid of the volume that is segmented.


rule annotate:
    input:
        annotations=lambda wildcards: SHEET.locate(sample(wildcards).labels),
        grey=f"{STEP}/{STUDY.grey}.manifest.json",
    output:
        manifest=f"{STEP}/annotations.manifest.json",
    log:
        f"{RESULTS}/logs/annotate/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/annotate/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=minutes(per_gigavoxel=1),
    params:
        classes=[member.model_dump() for member in STUDY.classes],
        names=STUDY.drawn_classes.names,
        settings=STUDY.annotate.model_dump(mode="json"),
        digest=digest_of(
            "annotate", *plug_ins("tomocell.volumes.readers", "open_source")
        ),
    script:
        "../../scripts/annotate.py"
