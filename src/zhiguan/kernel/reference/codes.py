"""Permissions of reference data."""

from zhiguan.kit.manifest import Permission

PERMISSIONS = (
    Permission("reference.fact.view", "查看标准依据"),
    Permission("reference.fact.manage", "调整标准与阈值"),
)
