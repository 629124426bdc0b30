"""Metrics (指标, SPEC D10): every indicator declared once, computed under the reader's scope, opening its own rows."""
