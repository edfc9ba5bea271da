"""A program for test_fit. The first process reads for six seconds. The argument says how many seconds an hour has."""

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
