"""Cases (办件): approvals from application to delivery, and the clock they run by. SPEC P4, G9."""

from ..decisions import dmn, feel, hardened

__all__ = ["dmn", "feel", "hardened"]
