#!/bin/sh
# ringlog-tune plan --profile latency --data-dir /var/lib/ringlog --cores 1-3
# Written by `ringlog-tune plan --script`. Each old value stands above its change.
set -eu

# by hand, io-uring-works: a seccomp filter is on: allow io_uring_setup, io_uring_enter and io_uring_register in it

# by hand, memlock: LimitMEMLOCK=infinity in the broker's unit

# by hand, fs-type: put the data folder on an XFS or ext4 file system of its own

# by hand, fs-mount: mount -o remount,noatime /; and in /etc/fstab to keep it
