"""Row scope: declared rules, PostgreSQL row-level security, and the frame that every transaction is told."""
