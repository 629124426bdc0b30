"""The gateway: JT/T 808 terminals over TCP in, durable positions out. No Django; one process serves many thousands."""
