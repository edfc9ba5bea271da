"""The page's tabs, one file each: ``build(where, site)`` lays a tab out and binds its events.

``where`` is what fills the tab when it opens: the page for the front tab, its own ``gr.Tab`` for every other.
"""
