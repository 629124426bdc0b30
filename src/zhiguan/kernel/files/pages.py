"""附件下载."""

from __future__ import annotations

from zhiguan.kit.pages import SIGNED_IN, ViewPage

from . import views

DOWNLOAD = ViewPage(
    code="files.file.download",
    path="files/<int:pk>/",
    title="附件下载",
    permission=SIGNED_IN,  # the file's own area, unit and permission are asked
    view=views.download,
)
