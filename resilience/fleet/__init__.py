"""What the workers of an app know together: backends, and the rules they decide by."""
