"""Version of this package; the metadata takes it from here."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0.dev0"
