"""Help an account back in from the server itself: the way for administrators, whom no other administrator may reset."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zhiguan.kernel.identity.service import Account
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Refusal
from zhiguan.site import administration


class Command(BaseCommand):
    help = "重置一个账号的口令，或清除其登录验证方式（动态口令、恢复码、通行密钥）；留痕"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="账号")
        parser.add_argument("--factors", action="store_true", help="清除登录验证方式，口令不变")
        parser.add_argument("--reason", required=True, help="事由，记入痕迹")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset the password and print the new one, or clear the factors. Raises CommandError with the refusal's words."""
        reason = options["reason"].strip()
        if not reason:
            raise CommandError("请填写事由。")
        with system("site.reset_account").transaction() as actor:
            account = Account.objects.filter(username__iexact=options["username"]).first()
            if account is None:
                raise CommandError(f"没有账号 {options['username']}。")
            try:
                if options["factors"]:
                    administration.clear_factors(actor, account, reason=reason)
                    self.stdout.write(f"已清除 {account.username} 的登录验证方式。")
                    return
                secret = administration.reset_password(actor, account, reason=reason)
            except Refusal as refusal:
                raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{account.username} 的临时口令：{secret}\n只显示这一次；凭它登录后须设置自己的口令。")
