"""Supervision (监督管理, SPEC P6 and G10): rules of all lines, the findings they raise, and what becomes of them."""
