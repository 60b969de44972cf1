"""The JSON schema of a study, for editors and for the manual."""

from __future__ import annotations

import json

from tomocell.settings.study import Study


def study_schema() -> str:
    """Return the JSON schema of a study as text, the same text each time."""
    return json.dumps(Study.model_json_schema(), indent=2, sort_keys=True) + "\n"
