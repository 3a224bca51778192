"""Degradation: levels of service, features that go off by level, and the rules that set both."""
