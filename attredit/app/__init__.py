"""The page on which people edit pictures: served to this machine alone, with nothing that is fetched from elsewhere.

Read `server.py` (what is asked for, and how), `studio.py` (what runs do with a picture), `pictures.py` (what was
dropped), `samples.py` (what there is to begin with), and `page.js`.
"""
