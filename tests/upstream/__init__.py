"""The suites that Twisted and treq ship for their own code, run against our class."""
