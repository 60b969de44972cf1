# Labels drawn by hand, and planes corrected in rounds, on the grid of the volume that is segmented.


rule annotate:
    input:
        annotations=drawn_labels,
        corrections=lambda wildcards: [one.path for one in corrections_of(wildcards)],
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
        corrections=lambda wildcards: [
            [*astuple(one)[:5], str(one.path)] for one in corrections_of(wildcards)
        ],
        corrected_by={
            str(number): entry.by
            for number, entry in enumerate(
                STUDY.label.rounds if STUDY.label else [], 1
            )
        },
        settings=STUDY.annotate.model_dump(mode="json"),
        digest=digest_of(
            "annotate", *plug_ins("tomocell.volumes.readers", "open_source")
        ),
    script:
        "../../scripts/annotate.py"
