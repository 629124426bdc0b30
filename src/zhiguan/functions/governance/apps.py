from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "zhiguan.functions.governance"
    label = "governance"
    verbose_name = "政务管理"
