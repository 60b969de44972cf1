"""Make `snakemake --profile NAME` find the profiles of this folder, or take that back.

    python profiles/install.py
    python profiles/install.py --uninstall

Snakemake looks for a profile's name in the working directory, in the user's configuration folder and in
/etc/xdg/snakemake, never in `profiles/`. So every folder here that holds a `config.yaml` is linked into
`$XDG_CONFIG_HOME/snakemake` (`~/.config/snakemake` where that is not set). What was made is written into a record
beside the links; nothing else is ever overwritten or removed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

PROFILES = Path(__file__).resolve().parent
RECORD = ".tomocell-profiles.json"


def config_folder() -> Path:
    """The folder in which Snakemake looks for the user's profiles."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base).absolute() / "snakemake"


def profiles() -> list[Path]:
    """Every profile of this repository: a folder with a `config.yaml`."""
    return sorted(found.parent for found in PROFILES.glob("*/config.yaml"))


def conflicts(folder: Path) -> list[str]:
    """What stands where a link has to go and is not that link already."""
    links = [(folder / profile.name, profile) for profile in profiles()]
    return [
        f"{link} is there already and was not made by this installer: move it away, or use --profile {profile}"
        for link, profile in links
        if os.path.lexists(link) and not points_to(link, profile)
    ]


def points_to(link: Path, profile: Path) -> bool:
    """Whether a path is a link to exactly this profile."""
    return link.is_symlink() and link.readlink() == profile


def read_record(folder: Path) -> dict[str, str | None]:
    """Paths that were made, oldest first: links with their target, folders with None."""
    path = folder / RECORD
    return json.loads(path.read_text()) if path.exists() else {}


def install(folder: Path) -> list[Path]:
    """Link every profile and write down what was made; returns the new links."""
    made: dict[str, str | None] = {}
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        made[str(path)] = None
    record = made | read_record(folder)
    new = [profile for profile in profiles() if not os.path.lexists(folder / profile.name)]
    for profile in new:
        # Before the link: a record of a link that was never made does no harm.
        record[str(folder / profile.name)] = str(profile)
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")
        (folder / profile.name).symlink_to(profile, target_is_directory=True)
    return [folder / profile.name for profile in new]


def uninstall(folder: Path) -> list[Path]:
    """Remove what `install` made and nobody has changed since; returns the links that went."""
    record = read_record(folder)
    links = [Path(path) for path, target in record.items() if target and points_to(Path(path), Path(target))]
    for link in links:
        link.unlink()
    (folder / RECORD).unlink(missing_ok=True)
    for path in reversed([Path(path) for path, target in record.items() if target is None]):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return links


def main() -> int:
    """Run the command line; the status is 1 where something stands in the way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--uninstall", action="store_true", help="remove the links that this installer made")
    folder = config_folder()
    if parser.parse_args().uninstall:
        done, word = uninstall(folder), "removed"
    elif blocking := conflicts(folder):
        print("nothing was installed:", *blocking, sep="\n", file=sys.stderr)
        return 1
    else:
        done, word = install(folder), "linked"
    print(*(f"{word} {link}" for link in done) if done else [f"nothing to do in {folder}"], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
