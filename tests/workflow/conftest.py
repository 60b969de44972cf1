from __future__ import annotations

from workflow.conftest_workflow import finished, house

__all__ = ["finished", "house"]
