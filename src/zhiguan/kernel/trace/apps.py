from django.apps import AppConfig


class TraceConfig(AppConfig):
    name = "zhiguan.kernel.trace"
    label = "trace"
    verbose_name = "痕迹管理"
