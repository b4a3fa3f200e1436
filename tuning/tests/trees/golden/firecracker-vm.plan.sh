#!/bin/sh
# ringlog-tune plan --profile latency --data-dir /var/lib/ringlog --cores 0
# Written by `ringlog-tune plan --script`. Each old value stands above its change.
set -eu

# timer-migration: see `ringlog-tune explain timer-migration`
# was: printf '%s\n' 1 > /proc/sys/kernel/timer_migration
printf '%s\n' 0 > /proc/sys/kernel/timer_migration

# irq-network: see `ringlog-tune explain irq-network`
# was: printf '%s\n' 0-1 > /proc/irq/39/smp_affinity_list
printf '%s\n' 1 > /proc/irq/39/smp_affinity_list

# disk-scheduler: see `ringlog-tune explain disk-scheduler`
# was: printf '%s\n' mq-deadline > /sys/block/vda/queue/scheduler
printf '%s\n' none > /sys/block/vda/queue/scheduler

# disk-nomerges: see `ringlog-tune explain disk-nomerges`
# was: printf '%s\n' 0 > /sys/block/vda/queue/nomerges
printf '%s\n' 2 > /sys/block/vda/queue/nomerges

# tcp-backlog: see `ringlog-tune explain tcp-backlog`
# was: printf '%s\n' 2048 > /proc/sys/net/ipv4/tcp_max_syn_backlog
printf '%s\n' 4096 > /proc/sys/net/ipv4/tcp_max_syn_backlog

# tcp-idle-restart: see `ringlog-tune explain tcp-idle-restart`
# was: printf '%s\n' 1 > /proc/sys/net/ipv4/tcp_slow_start_after_idle
printf '%s\n' 0 > /proc/sys/net/ipv4/tcp_slow_start_after_idle

# swappiness: see `ringlog-tune explain swappiness`
# was: printf '%s\n' 60 > /proc/sys/vm/swappiness
printf '%s\n' 1 > /proc/sys/vm/swappiness

# vm-stat-interval: see `ringlog-tune explain vm-stat-interval`
# was: printf '%s\n' 1 > /proc/sys/vm/stat_interval
printf '%s\n' 10 > /proc/sys/vm/stat_interval

# hung-task: see `ringlog-tune explain hung-task`
# was: printf '%s\n' 120 > /proc/sys/kernel/hung_task_timeout_secs
printf '%s\n' 600 > /proc/sys/kernel/hung_task_timeout_secs

# by hand, memlock: LimitMEMLOCK=infinity in the broker's unit

# by hand, nofile: LimitNOFILE=1048576 in the broker's unit

# by hand, fs-mount: mount -o remount,noatime /; and in /etc/fstab to keep it

# by hand, fs-discard: mount -o remount,nodiscard /; systemctl enable --now fstrim.timer

# kernel command line (then reboot): isolcpus=domain,managed_irq,0 nohz_full=0 rcu_nocbs=0 irqaffinity=1 nosoftlockup
