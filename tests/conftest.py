"""Settings of every test: a busy machine must not fail a property by being slow."""

from hypothesis import settings

settings.register_profile("twin", deadline=None)
settings.load_profile("twin")
