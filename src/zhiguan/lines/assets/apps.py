from django.apps import AppConfig


class AssetsConfig(AppConfig):
    name = "zhiguan.lines.assets"
    label = "assets"
    verbose_name = "国有资产"
