"""What plugins register, and how they are found: each is loaded alone, and a broken one breaks nothing but itself.

Read `hookspecs.py` (what a plugin says), `registry.py` (who is asked), `discovery.py` and `files.py` (where plugins
are), `loading.py` and `isolation.py` (how one is loaded), `calling.py` (constructors, with options that users
wrote), and `builtin.py` (the core's own components).
"""
