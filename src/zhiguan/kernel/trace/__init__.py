"""痕迹管理: every act in an append-only log that outsiders can verify (SPEC S1). docs/trace.md explains it."""
