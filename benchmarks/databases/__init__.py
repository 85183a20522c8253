"""PostgreSQL databases with many rows of documents and of the audit trail."""
