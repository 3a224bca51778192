"""Faults on purpose, within limits: to see that the app holds what it promises."""
