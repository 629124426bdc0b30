"""公文与单据: from data to PDF. See docs/kernel-parts.md."""
