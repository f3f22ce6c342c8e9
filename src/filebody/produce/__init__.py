"""WHEN bytes are written: `FileBodyProducer`, under the back-pressure of its consumer."""

from filebody.produce._producer import FileBodyProducer

__all__ = ["FileBodyProducer"]
