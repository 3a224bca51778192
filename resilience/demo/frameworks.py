"""The shops of the demo, one in each framework: what each needs, and how it is started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework's shop; gunicorn runs it with the settings of `<folder>.serving`.

    Args:
        folder: the example project.
        app: what gunicorn serves.
        needs: the modules that have to be there, besides those of the demo itself.
        options: further options for gunicorn.
    """

    folder: str
    app: str
    needs: tuple[str, ...]
    options: tuple[str, ...] = ()

    def arguments(self, port: int, workers: int) -> list[str]:
        """Return the arguments of `python -m` that serve it on a loopback port."""
        options = ["--config", f"python:{self.folder}.serving", "--log-level", "warning"]
        where = ["--workers", str(workers), "--bind", f"127.0.0.1:{port}"]
        return ["gunicorn", *options, *where, *self.options, self.app]


FRAMEWORKS = {
    "flask": Framework(
        folder="flask_shop",
        app="flask_shop:create_app()",
        needs=("flask", "sqlalchemy"),
        options=("--threads", "4"),
    ),
    "django": Framework(
        folder="django_shop",
        app="django_shop.wsgi",
        needs=("django", "jinja2", "sqlalchemy"),
        options=("--threads", "4"),
    ),
    "starlette": Framework(
        folder="starlette_shop",
        app="starlette_shop:create_app()",
        needs=("fastapi", "jinja2", "python_multipart", "sqlalchemy", "uvicorn_worker"),
    ),
}
"""`{name of the option --framework: its shop}`"""
