"""What the `resilience` command can do, besides the demo."""
