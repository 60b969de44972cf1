# Raw files become chunked, sharded, multiscale volumes.


rule convert:
    input:
        raw=lambda wildcards: SHEET.locate_scan(sample(wildcards)),
    output:
        manifest=f"{STEP}/volume.manifest.json",
    log:
        f"{RESULTS}/logs/convert/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/convert/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
        runtime=minutes(per_gigavoxel=2),
    params:
        raw_name=lambda wildcards: sample(wildcards).path,
        dataset=lambda wildcards: sample(wildcards).dataset,
        voxel_size_um=lambda wildcards: PROJECT.voxel_size_um(sample(wildcards)),
        settings=STUDY.convert.model_dump(mode="json"),
        digest=digest_of(
            "convert", *plug_ins("tomocell.volumes.readers", "open_source")
        ),
    script:
        "../../scripts/convert.py"
