"""Group ``cleaned``: which records are one title, the tables that dbt makes of them, and the read model.

Tables here hold what sources said, cleaned and joined; nothing is learned or predicted.
"""
