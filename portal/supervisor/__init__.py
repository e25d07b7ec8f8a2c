"""Runs the whole portal on one machine: its own Redis, web, worker and scheduler.

`python -m portal.supervisor` prepares the database, keeps the four processes running and ends
them with itself. Settings: PORT, PORTAL_HOST, PORTAL_DATA, and those of `portal.config`.
"""
