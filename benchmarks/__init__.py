"""What a guarded call costs, side by side with other circuit breakers: `python -m benchmarks`."""
