"""What the processor is and can do, as Linux tells it."""

import platform
from pathlib import Path


def cpuinfo() -> str:
    """/proc/cpuinfo, whole; "" where there is none."""
    file = Path("/proc/cpuinfo")
    return file.read_text() if file.exists() else ""


def processor() -> str:
    """The processor's name."""
    names = [line.split(":", 1)[1].strip() for line in cpuinfo().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
