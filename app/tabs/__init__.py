"""The page's tabs, one file each: ``build(page, site)`` lays a tab out and binds its events."""
