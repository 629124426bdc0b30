"""驾驶舱 for vehicles; filled in below."""
