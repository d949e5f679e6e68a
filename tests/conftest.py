"""Makes the helper modules beside this file importable, and tests indifferent to a busy machine."""

from hypothesis import settings

settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
