"""The preview: a page that shows a composition as the renderer sees it."""
