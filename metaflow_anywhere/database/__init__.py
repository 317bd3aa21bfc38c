"""What the metadata service and the UI backend share: the schema, connections, ids, filters, run status, change feed.

Knows PostgreSQL and the tables; knows nothing of HTTP.
"""
