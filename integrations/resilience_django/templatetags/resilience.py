"""`{% load resilience %}{% feature "x" as on %}{% if on %}…{% endif %}`."""

from django import template

from resilience_django.state import current

register = template.Library()


@register.simple_tag
def feature(name: str, default: bool | None = None, key: object = None) -> bool:
    """Tell whether a feature is on; `Degradation.enabled` says more."""
    return current().system.degradation.enabled(name, default, key=key)
