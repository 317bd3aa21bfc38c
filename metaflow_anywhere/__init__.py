"""A Metaflow metadata service, its database and its proxy, brought up by one command and kept in one directory."""

__version__ = "0.1.0"
