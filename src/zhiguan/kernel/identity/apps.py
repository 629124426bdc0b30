from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "zhiguan.kernel.identity"
    label = "identity"
    verbose_name = "账号与权限"
