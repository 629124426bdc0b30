from django.apps import AppConfig


class KitConfig(AppConfig):
    """The kit has no tables; it is an app for its templates and static files."""

    name = "zhiguan.kit"
    label = "kit"
