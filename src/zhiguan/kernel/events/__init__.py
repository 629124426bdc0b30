"""Events for others (outbox, webhooks) and work done later (jobs with progress)."""
