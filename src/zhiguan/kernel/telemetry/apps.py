from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    name = "zhiguan.kernel.telemetry"
    label = "telemetry"
    verbose_name = "遥测数据"
