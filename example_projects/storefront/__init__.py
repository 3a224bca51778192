"""What the shops of all frameworks have in common: products, pages, style, numbers."""

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
"""Jinja templates; each shop gives them the same context."""

STATIC = Path(__file__).parent / "static"
"""What is served below `/static/`."""
