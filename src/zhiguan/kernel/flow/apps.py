from django.apps import AppConfig


class FlowConfig(AppConfig):
    name = "zhiguan.kernel.flow"
    label = "flow"
    verbose_name = "办件流程"
