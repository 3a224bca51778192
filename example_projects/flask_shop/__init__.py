"""A small tea shop in Flask, which stays open while the service behind it breaks."""

from flask_shop.factory import create_app

__all__ = ["create_app"]
