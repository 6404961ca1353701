"""Pictures and figures of a run, as people look at them: one HTML page that needs nothing else, and one PNG.

lettering.py text in pictures, in any script
grid.py      labelled grids of images
faces.py     test faces and what a model makes of them
drawing.py   what matplotlib draws, in the colours of a page
curves.py    losses over training
figures.py   evaluation.json in words, groups and order
content.py   everything that a report shows of a run
compare.py   one edit by several runs, in one picture
encoding.py  images as files
document.py  HTML pages, from templates: document.html.jinja has what all have, parts.html.jinja what some have
summary.py   report.png
write.py     report.html, and both
card.py      README.md of a run, its model card, from card.md.jinja
doctor.py    what is wrong with a run
"""
