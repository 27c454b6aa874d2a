#!/bin/bash
# One network on all GPUs of several machines, under SLURM:
#   sbatch deploy/training/slurm.sh DATA RECIPE RUN [OPTION…]
#   sbatch --nodes 4 deploy/training/slurm.sh /data/photos resnet50 /shared/runs/1 --sync-batch-norm
#
# RUN lies on a disk that all machines share: after a restart another of them may lead. The number
# of machines may change from start to start: a step has as many pictures as before.
#SBATCH --job-name=bakeoff
#SBATCH --nodes=2
#SBATCH --gpus-per-node=8
# One starter a machine, which has all of its GPUs and processors; the processes are its children.
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=24:00:00
# Put back into the queue after a machine was lost or the job was pushed aside. It appends to its
# output then, and goes on from the last checkpoint.
#SBATCH --requeue
#SBATCH --open-mode=append
# Two minutes before the end of its time: a checkpoint is written, and the same submitted again goes
# on there. torchrun leaves thirty seconds for it.
#SBATCH --signal=TERM@120
set -euo pipefail

data=$1 recipe=$2 run=$3
shift 3

# The machine that the others ask for each other's addresses: the first, at a port of its own, as
# two jobs may share the cluster.
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))

# --kill-on-bad-exit=0: where a machine fails, the others wait for it to come back.
# --max-restarts: processes that were lost are started again at once, without the queue.
# --resume: every start is given the same command, so a run that has not begun begins.
exec srun --kill-on-bad-exit=0 torchrun \
  --nnodes "$SLURM_NNODES" \
  --nproc-per-node "${SLURM_GPUS_ON_NODE:-1}" \
  --max-restarts 3 \
  --rdzv-backend c10d \
  --rdzv-endpoint "$head:$port" \
  --rdzv-id "$SLURM_JOB_ID" \
  -m bakeoff train "$data" "$recipe" --out "$run" --resume "$@"
