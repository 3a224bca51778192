"""The demo: a shop and the service behind it as real processes, through an outage."""
