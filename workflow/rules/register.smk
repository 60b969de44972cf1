# Every timestep into the frame of the reference timestep of its series.


rule register:
    input:
        moving=f"{STEP}/volume.manifest.json",
        fixed=lambda wildcards: f"{RESULTS}/{wildcards.series}/{SHEET.reference(wildcards.series)}/volume.manifest.json",
        neighbour=neighbour,
    output:
        manifest=f"{STEP}/registered.manifest.json",
        registration=f"{STEP}/registration.json",
        table=f"{STEP}/registration.parquet",
        picture=f"{STEP}/maps/registration.png",
        residuals=f"{STEP}/maps/registration_residuals.png",
    log:
        f"{RESULTS}/logs/register/{{series}}.{{timestep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/register/{{series}}.{{timestep}}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=4000,
        runtime=minutes(per_gigavoxel=3),
    params:
        settings=STUDY.registration.model_dump(mode="json"),
        digest=digest_of("register"),
    script:
        "../../scripts/register.py"
