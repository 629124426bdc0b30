from django.apps import AppConfig


class HousingConfig(AppConfig):
    name = "zhiguan.lines.housing"
    label = "housing"
    verbose_name = "住房保障"
