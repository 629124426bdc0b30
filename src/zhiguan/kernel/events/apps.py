from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "zhiguan.kernel.events"
    label = "events"
    verbose_name = "事件与任务"
