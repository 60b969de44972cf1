"""Settings of the registration (placeholder of the lead: the registration author replaces this file whole)."""

from tomocell.settings.base import Frozen


class RegisterSettings(Frozen):
    """Into the frame of the reference timestep."""
