"""A job for the cluster: all ranks add up their numbers, and the first writes down who was there."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from tomocell.training.launch import check_world


def main() -> None:
    check_world(int(os.environ["TOMOCELL_WORLD_SIZE"]), os.environ)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    total = torch.tensor([float(2 ** dist.get_rank())])
    dist.all_reduce(total)
    nodes: list[object] = [None] * dist.get_world_size()
    dist.all_gather_object(nodes, os.environ["SLURMD_NODENAME"])
    if dist.get_rank() == 0:
        Path(sys.argv[1]).write_text(json.dumps({"total": total.item(), "nodes": sorted(map(str, nodes))}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
