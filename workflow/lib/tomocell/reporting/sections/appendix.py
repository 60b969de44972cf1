"""Appendix: settings, versions, digests, checksums, and how to make it all again."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import yaml

from tomocell import __version__
from tomocell.reporting.content import Cell, Code, Details, Section, Table, Text, pairs_table
from tomocell.reporting.numbers import NOTHING
from tomocell.reporting.sources import KINDS, PROVENANCE
from tomocell.volumes.manifest import STORE_SUFFIX, file_digest, manifest_path, read_manifest

if TYPE_CHECKING:
    from tomocell.reporting.content import Block
    from tomocell.reporting.sources import Source

PLACE = 90
SHORT = 12  # characters of a checksum: enough to tell files apart by eye
NOT_ANALYSES = ("truth",)
PACKAGES = ("numpy", "scipy", "pandas", "zarr", "zarrs", "SimpleITK", "torch", "lightning", "snakemake")


def build(source: Source) -> list[Section]:
    """Return the appendix."""
    blocks: list[Block] = [
        Text("The same files, settings and versions give the same results. To make this page again:"),
        Code(_commands(source)),
        *_leftovers(source),
        Details("Settings of the study", (Code(_settings(source)),)),
        Details(
            "Versions", (pairs_table("Versions with which this page was made", _versions(), ("Package", "Version")),)
        ),
        *_tables(source),
    ]
    return [Section("appendix", "Appendix", tuple(blocks))]


def _commands(source: Source) -> str:
    page = f"{source.project.study.results}/{source.series}/report.html"
    return f"snakemake --cores 2 --config study={source.project.path.as_posix()} -- {page}"


def _settings(source: Source) -> str:
    return yaml.safe_dump(source.project.study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _versions() -> dict[str, object]:
    found: dict[str, object] = {"tomocell": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _tables(source: Source) -> list[Details]:
    tables = {"Volumes and their manifests": _manifests(source), "Code of the analyses": _digests(source)}
    return [Details(name, (table,)) for name, table in tables.items() if table.rows]


def _manifests(source: Source) -> Table:
    rows = []
    for step in source.timesteps:
        for kind in filter(source.makes, KINDS):
            store = source.folder / step / f"{kind}{STORE_SUFFIX}"
            if manifest_path(store).is_file():
                manifest = read_manifest(store)
                made_with = manifest.tomocell_version, manifest.provenance.code_digest or NOTHING
                cells = (step, kind, file_digest(manifest_path(store))[:SHORT], *made_with)
                rows.append(tuple(Cell(text) for text in cells))
    heads = ("Timestep", "Volume", "SHA-256 of the manifest", "Tomocell", "Code digest")
    return Table("Each manifest lists the checksum of every shard of its volume", tuple(map(Cell, heads)), tuple(rows))


def _digests(source: Source) -> Table:
    rows = []
    for name in source.analyses:
        provenances = [record.get(PROVENANCE) or {} for record in source.records(name).values()]
        digests = sorted({str(entry["code_digest"]) for entry in provenances if entry.get("code_digest")})
        if digests:
            rows.append((Cell(name), Cell(", ".join(digests))))
    caption = "Digest of the code that made each record; more than one means that timesteps were made by different code"
    return Table(caption, (Cell("Analysis"), Cell("Code digest")), tuple(rows))


def _leftovers(source: Source) -> list[Text]:
    """Name the tables that lie in the folder but that the study does not ask for: they may be of another time."""
    known = {*source.analyses, *NOT_ANALYSES}
    names = sorted(path.stem for path in source.folder.glob("*.csv") if path.stem not in known)
    if not names:
        return []
    return [Text(f"Found in the results but not named in the study, and so not shown: {', '.join(names)}.")]
