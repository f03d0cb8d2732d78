"""Group ``parsed``: typed records read out of raw documents, and the documents that could not be read.

Parsing never fetches: a mended parser replays from raw. Personal data ends here.
"""
