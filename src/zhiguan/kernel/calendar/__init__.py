"""Working days (工作日), statutory holidays (放假), swap days (调休) and office hours, as dated data."""
