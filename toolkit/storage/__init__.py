"""Adapters: SQL tables and stores, migrations, and files in and out."""
