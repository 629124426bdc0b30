from django.apps import AppConfig


class KitConfig(AppConfig):
    """The kit has no tables; it is an app for its templates, static files and lookups."""

    name = "zhiguan.kit"
    label = "kit"

    def ready(self) -> None:
        from . import lookups

        lookups.register()
