"""Migrations; those of models without a table only make permissions."""
