#!/bin/sh
# ringlog-tune plan --profile latency --data-dir /var/lib/ringlog --cores 8-15
# Written by `ringlog-tune plan --script`. Each old value stands above its change.
set -eu

# cpu-energy-preference: see `ringlog-tune explain cpu-energy-preference`
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu1/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu1/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu2/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu2/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu3/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu3/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu4/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu4/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu5/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu5/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu6/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu6/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu7/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu7/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu8/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu8/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu9/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu9/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu10/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu10/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu11/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu11/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu12/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu12/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu13/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu13/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu14/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu14/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu15/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu15/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu16/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu16/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu17/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu17/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu18/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu18/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu19/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu19/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu20/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu20/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu21/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu21/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu22/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu22/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu23/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu23/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu24/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu24/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu25/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu25/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu26/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu26/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu27/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu27/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu28/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu28/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu29/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu29/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu30/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu30/cpufreq/energy_performance_preference
# was: printf '%s\n' balance_performance > /sys/devices/system/cpu/cpu31/cpufreq/energy_performance_preference
printf '%s\n' performance > /sys/devices/system/cpu/cpu31/cpufreq/energy_performance_preference

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
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu16/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu16/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu17/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu17/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu18/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu18/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu19/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu19/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu20/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu20/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu21/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu21/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu22/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu22/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu23/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu23/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu24/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu24/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu25/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu25/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu26/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu26/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu27/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu27/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu28/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu28/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu29/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu29/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu30/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu30/cpufreq/scaling_governor
# was: printf '%s\n' powersave > /sys/devices/system/cpu/cpu31/cpufreq/scaling_governor
printf '%s\n' performance > /sys/devices/system/cpu/cpu31/cpufreq/scaling_governor

# cpu-energy-bias: see `ringlog-tune explain cpu-energy-bias`
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu0/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu0/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu1/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu1/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu2/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu2/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu3/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu3/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu4/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu4/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu5/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu5/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu6/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu6/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu7/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu7/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu8/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu8/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu9/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu9/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu10/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu10/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu11/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu11/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu12/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu12/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu13/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu13/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu14/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu14/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu15/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu15/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu16/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu16/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu17/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu17/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu18/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu18/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu19/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu19/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu20/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu20/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu21/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu21/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu22/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu22/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu23/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu23/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu24/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu24/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu25/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu25/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu26/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu26/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu27/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu27/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu28/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu28/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu29/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu29/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu30/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu30/power/energy_perf_bias
# was: printf '%s\n' 6 > /sys/devices/system/cpu/cpu31/power/energy_perf_bias
printf '%s\n' 0 > /sys/devices/system/cpu/cpu31/power/energy_perf_bias

# cpu-min-perf: see `ringlog-tune explain cpu-min-perf`
# was: printf '%s\n' 22 > /sys/devices/system/cpu/intel_pstate/min_perf_pct
printf '%s\n' 100 > /sys/devices/system/cpu/intel_pstate/min_perf_pct

# cpu-idle-states: see `ringlog-tune explain cpu-idle-states`
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu8/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu8/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu9/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu9/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu10/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu10/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu11/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu11/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu12/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu12/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu13/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu13/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu14/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu14/cpuidle/state3/disable
# was: printf '%s\n' 0 > /sys/devices/system/cpu/cpu15/cpuidle/state3/disable
printf '%s\n' 1 > /sys/devices/system/cpu/cpu15/cpuidle/state3/disable

# workqueue-cpus: see `ringlog-tune explain workqueue-cpus`
# was: printf '%s\n' ffffffff > /sys/devices/virtual/workqueue/cpumask
printf '%s\n' ffff00ff > /sys/devices/virtual/workqueue/cpumask

# timer-migration: see `ringlog-tune explain timer-migration`
# was: printf '%s\n' 1 > /proc/sys/kernel/timer_migration
printf '%s\n' 0 > /proc/sys/kernel/timer_migration

# numa-balancing: see `ringlog-tune explain numa-balancing`
# was: printf '%s\n' 1 > /proc/sys/kernel/numa_balancing
printf '%s\n' 0 > /proc/sys/kernel/numa_balancing

# irq-disk: see `ringlog-tune explain irq-disk`
# was: printf '%s\n' 8 > /proc/irq/139/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/139/smp_affinity_list
# was: printf '%s\n' 9 > /proc/irq/140/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/140/smp_affinity_list
# was: printf '%s\n' 10 > /proc/irq/141/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/141/smp_affinity_list
# was: printf '%s\n' 11 > /proc/irq/142/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/142/smp_affinity_list
# was: printf '%s\n' 12 > /proc/irq/143/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/143/smp_affinity_list
# was: printf '%s\n' 13 > /proc/irq/144/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/144/smp_affinity_list
# was: printf '%s\n' 14 > /proc/irq/145/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/145/smp_affinity_list
# was: printf '%s\n' 15 > /proc/irq/146/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/146/smp_affinity_list

# irq-network: see `ringlog-tune explain irq-network`
# was: printf '%s\n' 0-31 > /proc/irq/208/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/208/smp_affinity_list
# was: printf '%s\n' 0-31 > /proc/irq/209/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/209/smp_affinity_list
# was: printf '%s\n' 0-31 > /proc/irq/210/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/210/smp_affinity_list
# was: printf '%s\n' 0-31 > /proc/irq/211/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/211/smp_affinity_list
# was: printf '%s\n' 0-31 > /proc/irq/212/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/212/smp_affinity_list
# was: printf '%s\n' 0-31 > /proc/irq/213/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/213/smp_affinity_list
# was: printf '%s\n' 0-31 > /proc/irq/214/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/214/smp_affinity_list
# was: printf '%s\n' 0-31 > /proc/irq/215/smp_affinity_list
printf '%s\n' 0-7,16-31 > /proc/irq/215/smp_affinity_list

# irqbalance: see `ringlog-tune explain irqbalance`
# was: printf '%s\n' '#IRQBALANCE_ONESHOT=
# #IRQBALANCE_BANNED_CPULIST=
# IRQBALANCE_ARGS=' > /etc/default/irqbalance
printf '%s\n' '#IRQBALANCE_ONESHOT=
#IRQBALANCE_BANNED_CPULIST=
IRQBALANCE_ARGS=
IRQBALANCE_BANNED_CPULIST=8-15' > /etc/default/irqbalance

# disk-nomerges: see `ringlog-tune explain disk-nomerges`
# was: printf '%s\n' 0 > /sys/block/nvme1n1/queue/nomerges
printf '%s\n' 2 > /sys/block/nvme1n1/queue/nomerges

# nvme-power: see `ringlog-tune explain nvme-power`
# was: printf '%s\n' 100000 > /sys/class/nvme/nvme1/power/pm_qos_latency_tolerance_us
printf '%s\n' 0 > /sys/class/nvme/nvme1/power/pm_qos_latency_tolerance_us

# nic-xps: see `ringlog-tune explain nic-xps`
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-0/xps_cpus
printf '%s\n' 10001 > /sys/class/net/ens1f0np0/queues/tx-0/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-1/xps_cpus
printf '%s\n' 20002 > /sys/class/net/ens1f0np0/queues/tx-1/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-2/xps_cpus
printf '%s\n' 40004 > /sys/class/net/ens1f0np0/queues/tx-2/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-3/xps_cpus
printf '%s\n' 80008 > /sys/class/net/ens1f0np0/queues/tx-3/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-4/xps_cpus
printf '%s\n' 100010 > /sys/class/net/ens1f0np0/queues/tx-4/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-5/xps_cpus
printf '%s\n' 200020 > /sys/class/net/ens1f0np0/queues/tx-5/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-6/xps_cpus
printf '%s\n' 400040 > /sys/class/net/ens1f0np0/queues/tx-6/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-7/xps_cpus
printf '%s\n' 800080 > /sys/class/net/ens1f0np0/queues/tx-7/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-8/xps_cpus
printf '%s\n' 1000100 > /sys/class/net/ens1f0np0/queues/tx-8/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-9/xps_cpus
printf '%s\n' 2000200 > /sys/class/net/ens1f0np0/queues/tx-9/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-10/xps_cpus
printf '%s\n' 4000400 > /sys/class/net/ens1f0np0/queues/tx-10/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-11/xps_cpus
printf '%s\n' 8000800 > /sys/class/net/ens1f0np0/queues/tx-11/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-12/xps_cpus
printf '%s\n' 10001000 > /sys/class/net/ens1f0np0/queues/tx-12/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-13/xps_cpus
printf '%s\n' 20002000 > /sys/class/net/ens1f0np0/queues/tx-13/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-14/xps_cpus
printf '%s\n' 40004000 > /sys/class/net/ens1f0np0/queues/tx-14/xps_cpus
# was: printf '%s\n' 0 > /sys/class/net/ens1f0np0/queues/tx-15/xps_cpus
printf '%s\n' 80008000 > /sys/class/net/ens1f0np0/queues/tx-15/xps_cpus

# tcp-idle-restart: see `ringlog-tune explain tcp-idle-restart`
# was: printf '%s\n' 1 > /proc/sys/net/ipv4/tcp_slow_start_after_idle
printf '%s\n' 0 > /proc/sys/net/ipv4/tcp_slow_start_after_idle

# thp: see `ringlog-tune explain thp`
# was: printf '%s\n' always > /sys/kernel/mm/transparent_hugepage/enabled
printf '%s\n' madvise > /sys/kernel/mm/transparent_hugepage/enabled

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

# by hand, systemd-affinity: CPUAffinity=0-7,16-31 in /etc/systemd/system.conf, then systemctl daemon-reexec

# by hand, numa-shards: choose --cores from 0-7,16-23

# kernel command line (then reboot): isolcpus=domain,managed_irq,8-15 nohz_full=8-15 rcu_nocbs=8-15 irqaffinity=0-7,16-31 nosoftlockup
