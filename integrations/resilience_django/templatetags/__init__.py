"""Template tags of Django projects."""
