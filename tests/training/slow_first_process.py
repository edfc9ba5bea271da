"""A program for test_fit: two processes, the first of which takes six seconds to read; an hour has so many seconds."""

import sys
import time
from datetime import timedelta

from training import parallel

parallel.timedelta = lambda hours: timedelta(seconds=hours * float(sys.argv[1]))
place = parallel.accelerator("cpu")
with place.local_main_process_first():
    if place.is_main_process:
        time.sleep(6)
    print("read", flush=True)
