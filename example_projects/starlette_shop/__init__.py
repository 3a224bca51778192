"""A small tea shop in FastAPI, which stays open while the service behind it breaks."""

from starlette_shop.factory import create_app

__all__ = ["create_app"]
