from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "zhiguan.kernel.documents"
    label = "documents"
    verbose_name = "签发文书"
