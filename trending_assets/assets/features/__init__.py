"""Group ``features``: what models may know of a title and when, kept offline in the lake and online in Feast.

Every table carries ``event_timestamp``, when a row became true, and ``created``, when the newest of its
inputs arrived. Nothing is fitted here but ``title_tfidf_fitted``, once.
"""
