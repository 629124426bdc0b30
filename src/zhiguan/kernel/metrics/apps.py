from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "zhiguan.kernel.metrics"
    label = "metrics"
    verbose_name = "指标"
