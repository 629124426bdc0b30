from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "zhiguan.kernel.ledger"
    label = "ledger"
    verbose_name = "台账"
