"""The explorer: choose, and see chart, table and totals change; no maths of its own.

Data flow one way here too: a :mod:`choice <mgframe.explorer.choice>` becomes steps (calls of
mgframe, and the code that makes the same calls), steps become a sight (picture, table, totals), a
session keeps choice and sight together and fetches what is lacking, and the view shows the sight.
Only the view knows ipywidgets.
"""
