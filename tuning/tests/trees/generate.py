#!/usr/bin/env python3
"""Writes the made-up machines beside it: two-socket.tree, cloud-vm.tree, container.tree, laptop.tree.

Formats follow the kernel's documentation (Documentation/ABI, admin-guide) and what real machines of
the kind show. firecracker-vm.tree is not made here: it was recorded with `ringlog-tune record` on a
virtual machine, its mounts and kernel command line shortened by hand.
"""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
CPU = "/sys/devices/system/cpu"
FIRST_PID_NAMESPACE = "pid:[4026531836]"


class Tree:
    def __init__(self, about):
        self.about, self.nodes = about, {}

    def file(self, path, text):
        self.nodes[path] = ("=", str(text))

    def files(self, folder, **values):
        for name, text in values.items():
            self.file(f"{folder}/{name}", text)

    def link(self, path, target):
        self.nodes[path] = ("->", target)

    def sysctl(self, **values):
        for name, text in values.items():
            self.file("/proc/sys/" + name.replace("__", "/"), text)

    def save(self, name):
        with open(f"{HERE}/{name}.tree", "w") as out:
            out.write(f"# {self.about}\n# Written by generate.py.\n")
            for path, (kind, text) in sorted(self.nodes.items()):
                if kind == "->":
                    out.write(f"{path} -> {text}\n")
                elif "\n" in text:
                    out.write(f"{path} =\n" + "".join(f"| {line}\n" for line in text.split("\n")))
                else:
                    out.write(f"{path} = {text}".rstrip() + "\n")


def cpu_list(cpus):
    return ",".join(str(cpu) for cpu in cpus)


def limits(memlock, nofile):
    return "\n".join([
        "Limit                     Soft Limit           Hard Limit           Units     ",
        "Max cpu time              unlimited            unlimited            seconds   ",
        "Max file size             unlimited            unlimited            bytes     ",
        "Max data size             unlimited            unlimited            bytes     ",
        "Max stack size            8388608              unlimited            bytes     ",
        "Max core file size        0                    unlimited            bytes     ",
        "Max resident set          unlimited            unlimited            bytes     ",
        "Max processes             63235                63235                processes ",
        f"Max open files            {nofile:<20} {nofile:<20} files     ",
        f"Max locked memory         {memlock:<20} {memlock:<20} bytes     ",
        "Max address space         unlimited            unlimited            bytes     ",
        "Max file locks            unlimited            unlimited            locks     ",
        "Max pending signals       63235                63235                signals   ",
        "Max msgqueue size         819200               819200               bytes     ",
        "Max nice priority         0                    0                    ",
        "Max realtime priority     0                    0                    ",
        "Max realtime timeout      unlimited            unlimited            us        ",
    ])


def meminfo(total_kib, swap_kib):
    return "\n".join(f"{name + ':':<16}{kib:>8} kB" for name, kib in [
        ("MemTotal", total_kib), ("MemFree", total_kib // 2), ("MemAvailable", total_kib // 2),
        ("Buffers", 1000), ("Cached", 50000), ("SwapCached", 0), ("Active", 50000),
        ("Inactive", 50000), ("SwapTotal", swap_kib), ("SwapFree", swap_kib), ("Dirty", 0),
        ("Writeback", 0), ("AnonPages", 1000), ("Mapped", 1000), ("Slab", 5000),
        ("PageTables", 500), ("NFS_Unstable", 0), ("Bounce", 0), ("Committed_AS", 5000),
        ("VmallocTotal", 34359738367), ("VmallocUsed", 1000), ("VmallocChunk", 0),
        ("Hugepagesize", 2048),
    ])


def common(tree, online, cpuinfo, mounts, pid_namespace, release):
    tree.file("/etc/machine-id", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    tree.file("/proc/cpuinfo", cpuinfo)
    tree.link("/proc/self", "4242")
    tree.link("/proc/4242/ns/pid", pid_namespace)
    tree.file("/proc/4242/mountinfo", mounts)
    tree.file(f"{CPU}/online", online)
    tree.sysctl(
        kernel__osrelease=release, kernel__random__boot_id="6d2f0c1e-58a4-4a77-9a30-0d5f3f1f7b11",
        kernel__io_uring_disabled=0, kernel__timer_migration=1, kernel__nmi_watchdog=1,
        kernel__hung_task_timeout_secs=120, vm__swappiness=60, vm__stat_interval=1,
        fs__aio_max_nr=65536, net__core__somaxconn=4096, net__ipv4__tcp_max_syn_backlog=4096,
        net__core__busy_poll=0, net__core__busy_read=0, net__core__rps_sock_flow_entries=0,
        net__ipv4__tcp_slow_start_after_idle=1, net__ipv4__tcp_mem="287901\t383868\t575802")
    tree.nodes["/proc/sys/fs/aio-max-nr"] = tree.nodes.pop("/proc/sys/fs/aio_max_nr")
    tree.files(f"{CPU}/vulnerabilities", meltdown="Not affected", retbleed="Not affected",
               spectre_v1="Mitigation: usercopy/swapgs barriers and __user pointer sanitization",
               spectre_v2="Mitigation: Enhanced / Automatic IBRS; IBPB: conditional")


def tick(tree, release, hz, model):
    tree.file(f"/boot/config-{release}",
              f"CONFIG_PREEMPT_{model}=y\nCONFIG_PREEMPT_DYNAMIC=y\nCONFIG_HZ_{hz}=y\nCONFIG_HZ={hz}")


def thp(tree, enabled, defrag):
    tree.files("/sys/kernel/mm/transparent_hugepage", enabled=enabled, defrag=defrag)


def irq(tree, device, number, name, allowed, lands, counts):
    tree.file(f"{device}/msi_irqs/{number}", "msix")
    tree.files(f"/sys/kernel/irq/{number}", actions=name, chip_name="PCI-MSIX", per_cpu_count=counts)
    tree.files(f"/proc/irq/{number}", smp_affinity_list=allowed, effective_affinity_list=lands)


def disk(tree, name, real, queues, **queue):
    tree.link(f"/sys/block/{name}", "../" + real.removeprefix("/sys/"))
    tree.file(f"{real}/size", 3750748848)
    defaults = dict(nomerges=0, rq_affinity=1, nr_requests=256, wbt_lat_usec=2000, rotational=0,
                    fua=0, write_cache="write back", scheduler="[none] mq-deadline kyber")
    tree.files(f"{real}/queue", **{**defaults, **queue})
    for index in range(queues):
        tree.file(f"{real}/mq/{index}/nr_tags", 255)


def nic(tree, name, device, numbers, tx, mac, flow="0"):
    real = f"{device}/net/{name}"
    tree.link(f"/sys/class/net/{name}", "../../" + real.removeprefix("/sys/"))
    tree.link(f"{real}/device", "../..")
    tree.files(real, operstate="up", address=mac, mtu=1500)
    for index in range(numbers):
        tree.files(f"{real}/queues/rx-{index}", rps_cpus=flow, rps_flow_cnt=0)
    for index in range(tx):
        tree.files(f"{real}/queues/tx-{index}", xps_cpus=flow)


def idle(tree, cpu, states):
    for index, (name, latency) in enumerate(states):
        tree.files(f"{CPU}/cpu{cpu}/cpuidle/state{index}", name=name, latency=latency, disable=0)


def live(tree, **facts):
    tree.file("/ringlog-tune.live.json", json.dumps(facts, indent=1))


WORKS = {"works": {"missing_operations": [], "missing_flags": []}}
XEON = ("processor\t: {n}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\n"
        "model name\t: Intel(R) Xeon(R) Gold 6334 CPU @ 3.60GHz\nphysical id\t: {s}\n"
        "flags\t\t: fpu tsc msr constant_tsc nonstop_tsc aperfmperf hwp hwp_epp epb{more}\n")


def two_socket():
    tree = Tree("Bare metal, two Xeons of 8 cores with SMT, NVMe with XFS, Mellanox 25 GbE, irqbalance.")
    release = "6.12.41-server"
    cpus = range(32)
    nodes = {0: [*range(0, 8), *range(16, 24)], 1: [*range(8, 16), *range(24, 32)]}
    mounts = ("28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n"
              "29 28 0:24 / /proc rw,nosuid - proc proc rw\n30 28 0:25 / /sys rw,nosuid - sysfs sysfs rw\n"
              "40 28 259:4 / /var/lib/ringlog rw,noatime shared:9 - xfs /dev/nvme1n1p1 rw,attr2,inode64,logbsize=32k,noquota")
    info = "\n".join(XEON.format(n=n, s=int(n in nodes[1]), more="") for n in cpus)
    common(tree, "0-31", info, mounts, FIRST_PID_NAMESPACE, release)
    tree.file("/var/lib/ringlog/.keep", "")
    tree.file("/proc/cmdline", f"BOOT_IMAGE=/vmlinuz-{release} root=/dev/nvme0n1p2 ro quiet")
    tree.file("/proc/meminfo", meminfo(263847172, 0))
    tree.file("/proc/4242/limits", limits("unlimited", 1048576))
    tree.file("/sys/class/dmi/id/product_name", "PowerEdge R650")
    tree.file("/sys/class/dmi/id/sys_vendor", "Dell Inc.")
    tree.sysctl(kernel__numa_balancing=1, net__ipv4__tcp_mem="3089814\t4119753\t6179628")
    tick(tree, release, 250, "VOLUNTARY")
    thp(tree, "[always] madvise never", "always defer defer+madvise [madvise] never")
    tree.files("/sys/devices/system/clocksource/clocksource0", current_clocksource="tsc",
               available_clocksource="tsc hpet acpi_pm")
    tree.file("/sys/devices/virtual/workqueue/cpumask", "ffffffff")
    tree.files(f"{CPU}/intel_pstate", min_perf_pct=22, no_turbo=0, status="active")
    for node, members in nodes.items():
        tree.file(f"/sys/devices/system/node/node{node}/cpulist", cpu_list(members))
    for cpu in cpus:
        tree.file(f"{CPU}/cpu{cpu}/topology/thread_siblings_list", f"{cpu % 16},{cpu % 16 + 16}")
        tree.files(f"{CPU}/cpu{cpu}/cpufreq", scaling_governor="powersave",
                   scaling_driver="intel_pstate", energy_performance_preference="balance_performance")
        tree.file(f"{CPU}/cpu{cpu}/power/energy_perf_bias", 6)
        idle(tree, cpu, [("POLL", 0), ("C1", 1), ("C1E", 4), ("C6", 170)])
    nvme = "/sys/devices/pci0000:64/0000:64:02.0/0000:65:00.0"
    real = f"{nvme}/nvme/nvme1/nvme1n1"
    disk(tree, "nvme1n1", real, 32, write_cache="write through", fua=1, nr_requests=1023,
         scheduler="[none] mq-deadline kyber bfq", wbt_lat_usec=0)
    tree.file(f"{real}/wwid", "eui.01000000000000005cd2e4b8a7c35251")
    tree.file(f"{real}/nvme1n1p1/partition", 1)
    tree.link("/sys/dev/block/259:4", "../../" + f"{real}/nvme1n1p1".removeprefix("/sys/"))
    tree.link("/sys/class/nvme/nvme1", "../../" + f"{nvme}/nvme/nvme1".removeprefix("/sys/"))
    tree.link(f"{nvme}/nvme/nvme1/device", "../..")
    tree.link(f"{real}/device", "..")
    tree.file(f"{nvme}/nvme/nvme1/power/pm_qos_latency_tolerance_us", 100000)
    tree.file(f"{nvme}/numa_node", 1)
    for queue in range(1, 33):
        cpu = queue - 1
        counts = ",".join("5321" if other == cpu else "0" for other in cpus)
        irq(tree, nvme, 130 + queue, f"nvme1q{queue}", cpu, cpu, counts)
    card = "/sys/devices/pci0000:16/0000:16:02.0/0000:17:00.0"
    nic(tree, "ens1f0np0", card, 16, 16, "b8:3f:d2:11:22:33", flow="00000000")
    tree.file(f"{card}/numa_node", 0)
    for queue in range(16):
        counts = ",".join("88123" if other == queue else "0" for other in cpus)
        irq(tree, card, 200 + queue, f"mlx5_comp{queue}@pci:0000:17:00.0", "0-31", queue, counts)
    tree.sysctl(kernel__core_pattern="|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h %d %F")
    tree.file("/etc/systemd/system.conf", "[Manager]\n#CPUAffinity=")
    tree.file("/run/irqbalance.pid", 900)
    tree.file("/etc/default/irqbalance", "#IRQBALANCE_ONESHOT=\n#IRQBALANCE_BANNED_CPULIST=\nIRQBALANCE_ARGS=")
    tree.link("/etc/systemd/system/timers.target.wants/fstrim.timer", "/lib/systemd/system/fstrim.timer")
    live(tree, io_uring=WORKS, direct_io={"memory_bytes": 4, "offset_bytes": 512},
         space={"free_bytes": 1700 << 30, "total_bytes": 1788 << 30},
         time_sync={"source": "chrony (10.0.0.1)", "synchronised": True, "offset_us": 3.2},
         ntuple={"ens1f0np0": False})
    tree.save("two-socket")


def cloud_vm():
    tree = Tree("Cloud virtual machine under KVM: 4 vCPUs, virtio disk with ext4, virtio network, 4 queues.")
    release = "6.8.0-1021-cloud"
    mounts = ("25 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard,errors=remount-ro\n"
              "26 25 0:22 / /sys rw,nosuid - sysfs sysfs rw\n27 25 0:23 / /proc rw,nosuid - proc proc rw")
    common(tree, "0-3", "\n".join(XEON.format(n=n, s=0, more=" hypervisor") for n in range(4)),
           mounts, FIRST_PID_NAMESPACE, release)
    tree.file("/var/lib/.keep", "")
    tree.file("/proc/cmdline", f"BOOT_IMAGE=/vmlinuz-{release} root=/dev/vda1 ro console=ttyS0")
    tree.file("/proc/meminfo", meminfo(16265432, 0))
    tree.file("/proc/4242/limits", limits(2084388864, 1024))
    tree.file("/sys/class/dmi/id/product_name", "KVM Virtual Machine")
    tick(tree, release, 1000, "VOLUNTARY")
    thp(tree, "always [madvise] never", "always defer defer+madvise [madvise] never")
    tree.files("/sys/devices/system/clocksource/clocksource0", current_clocksource="kvm-clock",
               available_clocksource="kvm-clock tsc hpet acpi_pm")
    tree.file("/sys/devices/virtual/workqueue/cpumask", "f")
    tree.file("/sys/devices/system/node/node0/cpulist", "0-3")
    for cpu in range(4):
        tree.file(f"{CPU}/cpu{cpu}/topology/thread_siblings_list", "0-1" if cpu < 2 else "2-3")
        idle(tree, cpu, [("POLL", 0), ("haltpoll", 1)])
    virtio = "/sys/devices/pci0000:00/0000:00:05.0"
    real = f"{virtio}/virtio2/block/vda"
    disk(tree, "vda", real, 1, rotational=1, scheduler="[mq-deadline] none")
    tree.files(f"{real}/queue/iosched", read_expire=500, write_expire=5000, fifo_batch=16,
               writes_starved=2, front_merges=1, async_depth=256, prio_aging_expire=10000)
    tree.file(f"{real}/vda1/partition", 1)
    tree.link("/sys/dev/block/253:1", "../../" + f"{real}/vda1".removeprefix("/sys/"))
    tree.link(f"{real}/device", "../..")
    irq(tree, virtio, 30, "virtio2-config", "0-3", 0, "0,0,0,0")
    irq(tree, virtio, 31, "virtio2-req.0", "0-3", 1, "0,90113,0,0")
    card = "/sys/devices/pci0000:00/0000:00:03.0"
    nic(tree, "eth0", f"{card}/virtio0", 4, 4, "fa:16:3e:00:00:01")
    for queue in range(4):
        irq(tree, card, 40 + queue, f"virtio0-input.{queue}", queue, queue, "10,10,10,10")
    live(tree, io_uring=WORKS, direct_io={"memory_bytes": 512, "offset_bytes": 512},
         space={"free_bytes": 6 << 30, "total_bytes": 40 << 30},
         time_sync={"source": "timedatectl", "synchronised": True, "offset_us": None}, ntuple={})
    tree.save("cloud-vm")


def container():
    tree = Tree("Container on somebody's machine: own PID namespace, read-only /sys, seccomp refuses io_uring.")
    release = "6.8.0-45-generic"
    mounts = ("700 600 0:120 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w\n"
              "701 700 0:121 / /proc rw,nosuid - proc proc rw\n702 700 0:122 / /sys ro,nosuid - sysfs sysfs ro")
    common(tree, "0-7", "\n".join(XEON.format(n=n, s=0, more="") for n in range(8)), mounts,
           "pid:[4026532881]", release)
    tree.file("/.dockerenv", "")
    tree.file("/proc/cmdline", f"BOOT_IMAGE=/vmlinuz-{release} root=UUID=1 ro")
    tree.file("/proc/meminfo", meminfo(65536000, 8388604))
    tree.file("/proc/4242/limits", limits(65536, 1048576))
    tree.file("/proc/4242/status", "Name:\tringlog-tune\nSeccomp:\t2\nSeccomp_filters:\t1")
    thp(tree, "always [madvise] never", "always defer defer+madvise [madvise] never")
    tree.files("/sys/devices/system/clocksource/clocksource0", current_clocksource="tsc",
               available_clocksource="tsc hpet acpi_pm")
    for cpu in range(8):
        tree.file(f"{CPU}/cpu{cpu}/topology/thread_siblings_list", cpu)
    live(tree, io_uring={"refused": "Operation not permitted (os error 1)"},
         direct_io=None, space={"free_bytes": 80 << 30, "total_bytes": 200 << 30},
         time_sync=None, ntuple={})
    tree.save("container")


def laptop():
    tree = Tree("Laptop: AMD with 8 cores and SMT, one NVMe, btrfs on dm-crypt, wireless network, swap.")
    release = "6.16.8-desktop"
    mounts = ("60 1 0:33 /root / rw,noatime,compress=zstd:1 shared:1 - btrfs /dev/mapper/luks-1 rw,ssd,discard=async\n"
              "61 60 0:24 / /proc rw,nosuid - proc proc rw\n62 60 0:25 / /sys rw,nosuid - sysfs sysfs rw\n"
              "63 60 252:1 / /home rw,relatime shared:5 - ext4 /dev/mapper/luks-2 rw")
    flags = "fpu tsc msr constant_tsc nonstop_tsc aperfmperf cpb hw_pstate"
    info = "\n".join(f"processor\t: {n}\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD Ryzen 7 PRO 7840U\nflags\t\t: {flags}\n"
                     for n in range(16))
    common(tree, "0-15", info, mounts, FIRST_PID_NAMESPACE, release)
    tree.file("/home/.keep", "")
    tree.file("/proc/cmdline", f"BOOT_IMAGE=/vmlinuz-{release} rd.luks.uuid=luks-1 rhgb quiet preempt=full")
    tree.file("/proc/meminfo", meminfo(30622156, 8388604))
    tree.file("/proc/4242/limits", limits(8388608, 1024))
    tree.file("/sys/class/dmi/id/product_name", "21K5CTO1WW")
    tick(tree, release, 1000, "LAZY")
    thp(tree, "always [madvise] never", "always defer defer+madvise [madvise] never")
    tree.files("/sys/devices/system/clocksource/clocksource0", current_clocksource="tsc",
               available_clocksource="tsc hpet acpi_pm")
    tree.file("/sys/devices/virtual/workqueue/cpumask", "ffff")
    tree.file("/sys/devices/system/node/node0/cpulist", "0-15")
    tree.file(f"{CPU}/cpufreq/boost", 1)
    for cpu in range(16):
        first = cpu - cpu % 2
        tree.file(f"{CPU}/cpu{cpu}/topology/thread_siblings_list", f"{first}-{first + 1}")
        tree.files(f"{CPU}/cpu{cpu}/cpufreq", scaling_governor="powersave",
                   scaling_driver="amd-pstate-epp", energy_performance_preference="balance_power")
        idle(tree, cpu, [("POLL", 0), ("C1", 1), ("C2", 18), ("C3", 350)])
    nvme = "/sys/devices/pci0000:00/0000:00:02.4/0000:02:00.0"
    real = f"{nvme}/nvme/nvme0/nvme0n1"
    disk(tree, "nvme0n1", real, 16, nr_requests=1023, fua=1)
    tree.file(f"{real}/wwid", "eui.e8238fa6bf530001001b448b4a123456")
    tree.file(f"{real}/nvme0n1p3/partition", 3)
    mapper = "/sys/devices/virtual/block/dm-1"
    tree.link("/sys/dev/block/252:1", "../../" + mapper.removeprefix("/sys/"))
    tree.link(f"{mapper}/slaves/nvme0n1p3", "../../../../../" + f"{real}/nvme0n1p3".removeprefix("/sys/devices/"))
    tree.link("/sys/class/nvme/nvme0", "../../" + f"{nvme}/nvme/nvme0".removeprefix("/sys/"))
    tree.link(f"{nvme}/nvme/nvme0/device", "../..")
    tree.file(f"{nvme}/nvme/nvme0/power/pm_qos_latency_tolerance_us", 100000)
    for queue in range(1, 17):
        irq(tree, nvme, 60 + queue, f"nvme0q{queue}", queue - 1, queue - 1, "7," * 15 + "7")
    nic(tree, "wlp1s0", "/sys/devices/pci0000:00/0000:00:02.2/0000:01:00.0", 1, 4, "14:ac:60:00:00:02", flow="0000")
    live(tree, io_uring=WORKS, direct_io={"memory_bytes": 512, "offset_bytes": 512},
         space={"free_bytes": 300 << 30, "total_bytes": 900 << 30},
         time_sync={"source": "chrony (time.example.net)", "synchronised": True, "offset_us": -412.0},
         ntuple={"wlp1s0": False})
    tree.save("laptop")


two_socket()
cloud_vm()
container()
laptop()
