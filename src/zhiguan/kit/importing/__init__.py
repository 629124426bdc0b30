"""Bulk import: a workbook is read, every cell is checked, and then all of it is applied or nothing."""
