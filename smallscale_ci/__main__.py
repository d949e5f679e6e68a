"""``python -m smallscale_ci``: the command line."""

from smallscale_ci.cli.main import main

main()
