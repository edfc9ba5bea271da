"""The page's tabs, one file each: ``build`` lays a tab out and binds its events.

The front tab, Explain, takes the page, at whose load it is filled, and gives its inputs; every other takes its own
``gr.Tab``, filled when it is opened, and what it shares with the front.
"""
