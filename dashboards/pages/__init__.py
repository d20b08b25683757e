"""One file is one page: it exports ``PAGE``, a `dashboards.page.Page`."""
