"""The upload half of HTTP for event-driven Python."""
