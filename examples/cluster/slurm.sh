#!/usr/bin/env bash
# Four workers on four nodes: sbatch examples/cluster/slurm.sh, from the project's folder, which all
# nodes see. Submitted again, it goes on with the run.
#SBATCH --job-name=rnn
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
#SBATCH --kill-on-bad-exit=1
#SBATCH --signal=TERM@120
set -euo pipefail

export RUN=${RUN:-runs/modern/window-rnn} SERVERS=0
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
export ADDRESSES="${hosts[*]/%/:2222}"
export RESUME=""
if [ -f "$RUN/result.json" ]; then RESUME=--resume; fi

# --kill-on-bad-exit: when one worker is gone the others are ended, as they cannot go on.
srun --kill-on-bad-exit=1 bash -c '
  TF_CONFIG=$(examples/cluster/tf_config.sh "$SLURM_PROCID" "$SERVERS" $ADDRESSES)
  export TF_CONFIG
  exec python -m modern_tf2 train window-rnn --strategy multiworker --out "$RUN" $RESUME
'
