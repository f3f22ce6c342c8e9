"""WHEN it is sent: under a consumer's back-pressure, without ever blocking the event loop."""

from filebody.produce._interface import Drain, IReaderConsumer
from filebody.produce._producer import FileBodyProducer
from filebody.produce._waiting import when_ready

__all__ = ["Drain", "FileBodyProducer", "IReaderConsumer", "when_ready"]
