from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    name = "zhiguan.kernel.reference"
    label = "reference"
    verbose_name = "标准依据"
