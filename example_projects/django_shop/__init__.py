"""A small tea shop in Django, which stays open while the service behind it breaks."""
