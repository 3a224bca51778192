"""What is done about a failed call."""
