"""CPU time of this process, its children and the database server: what holds on a machine that others use, too."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import psutil


def spent(data_dir: Path) -> float:
    """Seconds of CPU time so far; children and server processes that have ended are counted with those that waited."""
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    server = psutil.Process(int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0]))
    times = server.cpu_times()
    total = time.process_time() + own.ru_utime + own.ru_stime + sum(times[:4])
    for each in server.children():
        try:
            total += sum(each.cpu_times()[:2])
        except psutil.Error:
            continue
    for each in psutil.Process(os.getpid()).children():
        if each.pid != server.pid:
            try:
                total += sum(each.cpu_times()[:2])
            except psutil.Error:
                continue
    return total
