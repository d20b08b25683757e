"""`python -m dashboards.cli` is `twin`."""

from dashboards.cli import main

main()
