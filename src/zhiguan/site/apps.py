from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The composition root. Listed last, so that every part is ready when it collects their declarations."""

    name = "zhiguan.site"
    label = "zhiguan_site"

    def ready(self) -> None:
        from . import registers, schedule, seams, signins

        registers.register()
        schedule.register()
        seams.install()
        signins.connect()
