"""Uploads that survive failures: tus 1.0 and the IETF's Resumable Uploads for HTTP."""
