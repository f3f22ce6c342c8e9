"""Servers, proxies and file systems to test against: real ones, mostly not written by us.

Each is a context manager that starts a process of its own, says where it is, and leaves nothing
behind: no process, no mount, no file outside the directory it was given.
"""
