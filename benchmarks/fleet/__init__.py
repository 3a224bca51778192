"""What it takes that workers agree: real processes, a real Redis, and the peers beside it."""
