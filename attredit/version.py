"""Which attredit this is, and which plugin API it speaks."""

__version__ = "0.1.0"

API = 1
"""The plugin API that this version speaks; a plugin's module says which it was written for: ``attredit_api = 1``."""
