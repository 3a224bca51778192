"""`manage.py resilience`."""
