from django.apps import AppConfig


class SpaceConfig(AppConfig):
    name = "zhiguan.lines.space"
    label = "space"
    verbose_name = "办公用房"
