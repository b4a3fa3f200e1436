#!/bin/sh
# ringlog-tune plan --profile latency --data-dir /var/lib/ringlog --cores 2-7
# Written by `ringlog-tune plan --script`. Each old value stands above its change.
set -eu

# cpu-energy-preference: see `ringlog-tune explain cpu-energy-preference`
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu1/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu1/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu2/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu2/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu3/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu3/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu4/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu4/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu5/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu5/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu6/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu6/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu7/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu7/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu8/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu8/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu9/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu9/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu10/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu10/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu11/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu11/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu12/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu12/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu13/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu13/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu14/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu14/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_power > /sys/devices/system/cpu/cpu15/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu15/cpufreq/energy_performance_preference

# cpu-governor: see `ringlog-tune explain cpu-governor`
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu1/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu1/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu2/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu2/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu3/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu3/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu4/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu4/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu5/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu5/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu6/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu6/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu7/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu7/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu8/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu8/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu9/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu9/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu10/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu10/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu11/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu11/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu12/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu12/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu13/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu13/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu14/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu14/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu15/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu15/cpufreq/scaling_governor

# cpu-idle-states: see `ringlog-tune explain cpu-idle-states`
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu2/cpuidle/state2/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu2/cpuidle/state2/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu2/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu2/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu3/cpuidle/state2/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu3/cpuidle/state2/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu3/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu3/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu4/cpuidle/state2/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu4/cpuidle/state2/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu4/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu4/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu5/cpuidle/state2/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu5/cpuidle/state2/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu5/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu5/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu6/cpuidle/state2/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu6/cpuidle/state2/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu6/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu6/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu7/cpuidle/state2/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu7/cpuidle/state2/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu7/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu7/cpuidle/state3/disable

# workqueue-cpus: see `ringlog-tune explain workqueue-cpus`
# was: printf '%s\n' ffff > /sys/devices/virtual/workqueue/cpumask
printf '%s\n' ff03 > /sys/devices/virtual/workqueue/cpumask

# timer-migration: see `ringlog-tune explain timer-migration`
# was: printf '%s\n' 1 > /proc/sys/kernel/timer_migration
printf '%s\n' 0 > /proc/sys/kernel/timer_migration

# nic-rps: see `ringlog-tune explain nic-rps`
# was: printf '%s\n' 0 > /sys/class/net/wlp1s0/queues/rx-0/rps_cpus
printf '%s\n' fc > /sys/class/net/wlp1s0/queues/rx-0/rps_cpus

# nic-rfs: see `ringlog-tune explain nic-rfs`
# was: printf '%s\n' 0 > /proc/sys/net/core/rps_sock_flow_entries
printf '%s\n' 32768 > /proc/sys/net/core/rps_sock_flow_entries
# was: printf '%s\n' 0 > /sys/class/net/wlp1s0/queues/rx-0/rps_flow_cnt
printf '%s\n' 32768 > /sys/class/net/wlp1s0/queues/rx-0/rps_flow_cnt

# nic-xps: see `ringlog-tune explain nic-xps`
# was: printf '%s\n' 0 > /sys/class/net/wlp1s0/queues/tx-0/xps_cpus
printf '%s\n' 1111 > /sys/class/net/wlp1s0/queues/tx-0/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/wlp1s0/queues/tx-1/xps_cpus
printf '%s\n' 2222 > /sys/class/net/wlp1s0/queues/tx-1/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/wlp1s0/queues/tx-2/xps_cpus
printf '%s\n' 4444 > /sys/class/net/wlp1s0/queues/tx-2/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/wlp1s0/queues/tx-3/xps_cpus
printf '%s\n' 8888 > /sys/class/net/wlp1s0/queues/tx-3/xps_cpus

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

# by hand, memlock: LimitMEMLOCK=infinity in the broker's unit

# by hand, nofile: LimitNOFILE=1048576 in the broker's unit

# by hand, cpu-smt: start the broker with one thread of each core, or switch SMT off

# by hand, fs-type: put the data folder on an XFS or ext4 file system of its own

# kernel command line (then reboot): isolcpus=domain,managed_irq,2-7 nohz_full=2-7 rcu_nocbs=2-7 irqaffinity=0-1,8-15 nosoftlockup
