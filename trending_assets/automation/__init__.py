"""Automation: jobs, sensors and their cursors, and runs from the command line."""
