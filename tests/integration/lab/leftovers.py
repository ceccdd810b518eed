"""What a laboratory may have left behind: namespaces, a directory, processes."""

import os
from pathlib import Path

from netlab import namespaces, topology


def leftovers(run, directory=None):
    """Namespaces and files that still are there of one run, as text; empty when all are gone."""
    found = [f"namespace {name}" for name in namespaces.named(topology.prefix_of(run))]
    if directory is not None and directory.exists():
        found.append(f"directory {directory}")
    return found


def children():
    """The pids of this process's children, the dead that nobody has waited for included."""
    return {
        int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _parent(entry) == os.getpid()
    }


def _parent(entry):
    try:
        status = (entry / "stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(status.rpartition(")")[2].split()[1])
