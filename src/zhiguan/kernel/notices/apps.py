from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "zhiguan.kernel.notices"
    label = "notices"
    verbose_name = "通知"
