"""Fill an empty installation with the demo city: every part and line that has a ``demo`` room adds its share."""

from __future__ import annotations

import importlib
import importlib.util
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhiguan.kernel.orgs.demo import SIZES
from zhiguan.kernel.orgs.service import is_demo, root
from zhiguan.kit.actor import system
from zhiguan.site.registers import packages


class Command(BaseCommand):
    help = "Fill an empty installation with invented data (演示数据); does nothing where it is there already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--size", choices=SIZES, default="demo")

    def handle(self, *args: Any, **options: Any) -> None:
        with system("demo").transaction():
            if root() is not None and not is_demo():
                raise CommandError("系统中已有正式的组织机构，不能装入演示数据。")
        for package in packages():
            if importlib.util.find_spec(f"{package}.demo") is None:
                continue
            seed = getattr(importlib.import_module(f"{package}.demo"), "seed", None)
            if seed is None:
                continue
            began = time.monotonic()
            with system("demo").transaction():  # each part whole or not at all
                made = seed(options["size"]) or {}
            if options["verbosity"] and made:
                counts = "，".join(f"{name} {count}" for name, count in made.items())
                self.stdout.write(
                    f"演示数据 {package.rsplit('.', 1)[-1]}：{counts}（{time.monotonic() - began:.1f} 秒）"
                )
