"""Exports of other shops, rewritten as tables with one row per product."""
