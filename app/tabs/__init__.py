"""The page's tabs, one file each: ``build`` lays a tab out and binds its events.

``build`` of the front tab, Explain, takes the whole page, because the tab is filled when the page loads; it returns its
inputs. ``build`` of every other tab takes its own ``gr.Tab``, which is filled when it is opened, and the front tab's
inputs.
"""
