from hypothesis import settings

# How long an example takes is no property of the code on a machine that others use too.
settings.register_profile("genres", deadline=None, max_examples=60)
settings.load_profile("genres")
