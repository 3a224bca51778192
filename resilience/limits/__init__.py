"""Limits on a call: how long it may take, and how many may run at once."""
