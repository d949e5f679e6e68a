"""The real time, as the command line hands it down."""

from datetime import UTC, datetime
from functools import partial
from time import time

now = partial(datetime.now, UTC)
clock = time  # in seconds since the epoch
