"""The documentation is true: its commands run, its links lead somewhere, its tables are the source's."""
