"""What the app and its machine are measured by."""
