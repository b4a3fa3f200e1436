#!/bin/sh
# ringlog-tune plan --profile latency --data-dir /var/lib/ringlog --cores 1-3
# Written by `ringlog-tune plan --script`. Each old value stands above its change.
set -eu

# workqueue-cpus: see `ringlog-tune explain workqueue-cpus`
# was: printf '%s\n' f > /sys/devices/virtual/workqueue/cpumask
printf '%s\n' 1 > /sys/devices/virtual/workqueue/cpumask

# timer-migration: see `ringlog-tune explain timer-migration`
# was: printf '%s\n' 1 > /proc/sys/kernel/timer_migration
printf '%s\n' 0 > /proc/sys/kernel/timer_migration

# irq-disk: see `ringlog-tune explain irq-disk`
# was: printf '%s\n' 0-3 > /proc/irq/31/smp_affinity_list
printf '%s\n' 0 > /proc/irq/31/smp_affinity_list

# irq-network: see `ringlog-tune explain irq-network`
# was: printf '%s\n' 1 > /proc/irq/41/smp_affinity_list
printf '%s\n' 0 > /proc/irq/41/smp_affinity_list
# was: printf '%s\n' 2 > /proc/irq/42/smp_affinity_list
printf '%s\n' 0 > /proc/irq/42/smp_affinity_list
# was: printf '%s\n' 3 > /proc/irq/43/smp_affinity_list
printf '%s\n' 0 > /proc/irq/43/smp_affinity_list

# disk-scheduler: see `ringlog-tune explain disk-scheduler`
# was: printf '%s\n' mq-deadline > /sys/block/vda/queue/scheduler
printf '%s\n' none > /sys/block/vda/queue/scheduler

# disk-nomerges: see `ringlog-tune explain disk-nomerges`
# was: printf '%s\n' 0 > /sys/block/vda/queue/nomerges
printf '%s\n' 2 > /sys/block/vda/queue/nomerges

# nic-xps: see `ringlog-tune explain nic-xps`
# was: printf '%s\n' 0 > /sys/class/net/eth0/queues/tx-0/xps_cpus
printf '%s\n' 1 > /sys/class/net/eth0/queues/tx-0/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/eth0/queues/tx-1/xps_cpus
printf '%s\n' 2 > /sys/class/net/eth0/queues/tx-1/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/eth0/queues/tx-2/xps_cpus
printf '%s\n' 4 > /sys/class/net/eth0/queues/tx-2/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/eth0/queues/tx-3/xps_cpus
printf '%s\n' 8 > /sys/class/net/eth0/queues/tx-3/xps_cpus

# tcp-idle-restart: see `ringlog-tune explain tcp-idle-restart`
# was: printf '%s\n' 1 > /proc/sys/net/ipv4/tcp_slow_start_after_idle
printf '%s\n' 0 > /proc/sys/net/ipv4/tcp_slow_start_after_idle

# swappiness: see `ringlog-tune explain swappiness`
# was: printf '%s\n' 60 > /proc/sys/vm/swappiness
printf '%s\n' 1 > /proc/sys/vm/swappiness

# vm-stat-interval: see `ringlog-tune explain vm-stat-interval`
# was: printf '%s\n' 1 > /proc/sys/vm/stat_interval
printf '%s\n' 10 > /proc/sys/vm/stat_interval

# nmi-watchdog: see `ringlog-tune explain nmi-watchdog`
# was: printf '%s\n' 1 > /proc/sys/kernel/nmi_watchdog
printf '%s\n' 0 > /proc/sys/kernel/nmi_watchdog

# hung-task: see `ringlog-tune explain hung-task`
# was: printf '%s\n' 120 > /proc/sys/kernel/hung_task_timeout_secs
printf '%s\n' 600 > /proc/sys/kernel/hung_task_timeout_secs

# by hand, nofile: LimitNOFILE=1048576 in the broker's unit

# by hand, cpu-smt: start the broker with one thread of each core, or switch SMT off

# by hand, fs-mount: mount -o remount,noatime /; and in /etc/fstab to keep it

# by hand, fs-discard: mount -o remount,nodiscard /; systemctl enable --now fstrim.timer

# by hand, fs-space: free space or choose another data folder

# kernel command line (then reboot): isolcpus=domain,managed_irq,1-3 nohz_full=1-3 rcu_nocbs=1-3 irqaffinity=0 nosoftlockup
