"""Group ``models``: trained genre models, how they do, which of them serves, and its predictions.

A trained model is a version in the registry that never changes; serving follows the champion alias alone.
"""
