//! The program itself: kind refusals, exit codes, damaged and foreign journals, values that somebody
//! else changed, units.

use std::os::unix::process::CommandExt;
use std::process::Command;

use tuning::journal::{self, Journal};
use tuning::tree::Tree;

use crate::support::Machine;

const SWAPPINESS: &str = "/proc/sys/vm/swappiness";

/// Runs, expects an exit code, and gives all that was said.
fn expect(machine: &Machine, arguments: &[&str], code: i32) -> String {
    let done = machine.run(arguments);
    let said =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(code), "{arguments:?}:\n{said}");
    said
}

#[test]
fn the_whole_loop() {
    let machine = Machine::new("firecracker-vm");
    let before = machine.snapshot();
    assert!(expect(&machine, &["verify"], 1).contains("nothing has been applied"));
    assert!(expect(&machine, &["undo"], 1).contains("nothing has been applied"));
    expect(&machine, &["check"], 3);
    expect(&machine, &["apply", "--only", "swappiness,hung-task"], 0);
    assert_eq!(machine.root.read(SWAPPINESS).unwrap(), "1");
    assert!(expect(&machine, &["verify"], 0).contains("2 of 2 values hold"));
    assert!(expect(&machine, &["apply", "--only", "swappiness"], 0).contains("nothing to change"));
    assert!(expect(&machine, &["undo"], 0).contains("the host is as before"));
    assert_eq!(machine.snapshot(), before);
    assert!(!machine.root.exists(journal::PATH));
}

#[test]
fn usage_errors_exit_2() {
    let machine = Machine::new("firecracker-vm");
    for (arguments, says) in [
        (vec!["plan", "--profile", "turbo"], "possible values: latency, bench, dev"),
        (vec!["check", "--cores", "5"], "not all online here (online: 0-1)"),
        (vec!["check", "--cores", "x"], "no CPU list"),
        (vec!["check", "--only", "nonsense"], "no item `nonsense`"),
        (vec!["explain", "nonsense"], "no item `nonsense`"),
        (vec!["fly"], "unrecognized subcommand"),
    ] {
        assert!(expect(&machine, &arguments, 2).contains(says), "{arguments:?}");
    }
    let missing = Command::new(env!("CARGO_BIN_EXE_ringlog-tune"))
        .args(["--root", "/nonexistent/tree", "check"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nonexistent/tree"));
}

/// On the live host as nobody; only where the tests themselves may change users.
#[test]
fn refuses_kindly_without_root() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // The built program may be where nobody can read.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ringlog-tune");
    std::fs::copy(env!("CARGO_BIN_EXE_ringlog-tune"), &program).unwrap();
    let open = |path: &std::path::Path| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).unwrap();
    };
    open(folder.path());
    open(&program);
    for command in ["apply", "undo", "persist", "hold"] {
        let done = Command::new(&program).arg(command).uid(NOBODY).gid(NOBODY).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("needs root") && said.contains("nothing was changed"), "{said}");
    }
    for command in ["check", "plan"] {
        let done = Command::new(&program).arg(command).uid(NOBODY).gid(NOBODY).output().unwrap();
        assert!(matches!(done.status.code(), Some(0 | 3)), "{command}");
    }
}

#[test]
fn a_value_somebody_changed_is_left_alone_unless_forced() {
    let machine = Machine::new("firecracker-vm");
    expect(&machine, &["apply", "--only", "swappiness,hung-task"], 0);
    machine.set(SWAPPINESS, "33");
    assert!(expect(&machine, &["verify"], 3).contains("drifted: 33"));
    // Neither another apply ...
    let said = expect(&machine, &["apply", "--only", "swappiness"], 1);
    assert!(said.contains("left alone: somebody set `33`"), "{said}");
    // ... nor undo writes over it.
    let said = expect(&machine, &["undo"], 1);
    assert!(said.contains("left alone: somebody set `33` (ours was `1`)"), "{said}");
    assert_eq!(machine.root.read(SWAPPINESS).unwrap(), "33");
    assert_eq!(machine.root.read("/proc/sys/kernel/hung_task_timeout_secs").unwrap(), "120");
    expect(&machine, &["undo", "--force"], 0);
    assert_eq!(machine.root.read(SWAPPINESS).unwrap(), "60");
}

#[test]
fn a_journal_of_another_machine_is_refused() {
    let machine = Machine::new("firecracker-vm");
    expect(&machine, &["apply", "--only", "swappiness"], 0);
    machine.set("/etc/machine-id", "ffffffffffffffffffffffffffffffff");
    for command in ["apply", "undo", "verify"] {
        let said = expect(&machine, &[command], 1);
        assert!(said.contains("written on another machine"), "{said}");
    }
    assert_eq!(machine.root.read(SWAPPINESS).unwrap(), "1");
}

#[test]
fn a_journal_of_an_earlier_boot_is_compared_value_by_value() {
    let machine = Machine::new("firecracker-vm");
    expect(&machine, &["apply", "--only", "swappiness,hung-task"], 0);
    // The reboot reset one value; the other is still ours, as a sysctl file would make it.
    machine.set("/proc/sys/kernel/random/boot_id", "22222222-0000-0000-0000-000000000000");
    machine.set("/proc/sys/kernel/hung_task_timeout_secs", "120");
    assert!(expect(&machine, &["verify"], 3).contains("earlier boot"));
    let said = expect(&machine, &["undo"], 0);
    assert!(said.contains("already back") && said.contains("restored"), "{said}");
    assert_eq!(machine.root.read(SWAPPINESS).unwrap(), "60");
}

/// Interrupt numbers are dealt anew at a boot: the old value belongs to another device then.
#[test]
fn an_interrupt_of_another_device_is_left_alone_after_a_reboot() {
    let machine = Machine::new("firecracker-vm");
    expect(&machine, &["apply", "--only", "irq-network", "--cores", "0"], 0);
    let irq = "/proc/irq/39/smp_affinity_list";
    assert_eq!(machine.root.read(irq).unwrap(), "1");
    machine.set("/proc/sys/kernel/random/boot_id", "33333333-0000-0000-0000-000000000000");
    machine.set("/sys/kernel/irq/39/actions", "xhci_hcd");
    assert!(expect(&machine, &["undo"], 0).contains("another device"));
    assert_eq!(machine.root.read(irq).unwrap(), "1");
}

#[test]
fn a_damaged_journal_is_refused_and_its_whole_lines_can_be_used() {
    let machine = Machine::new("firecracker-vm");
    let before = machine.snapshot();
    expect(&machine, &["apply", "--only", "swappiness,hung-task"], 0);
    let text = machine.root.read(journal::PATH).unwrap();
    // Half written: cut in the middle of the last entry.
    machine.set(journal::PATH, &text[..text.len() - 20]);
    for command in ["apply", "undo", "verify"] {
        let said = expect(&machine, &[command], 1);
        assert!(said.contains("is damaged at line 3"), "{said}");
        assert!(said.contains("Nothing was changed"), "{said}");
    }
    expect(&machine, &["undo", "--force"], 0);
    assert_eq!(machine.root.read(SWAPPINESS).unwrap(), "60");
    // The entry that could not be read is not forgotten: the damaged file is kept for a person.
    assert!(machine.root.exists(&format!("{}.damaged", journal::PATH)));
    machine.set("/proc/sys/kernel/hung_task_timeout_secs", "120");
    assert_eq!(machine.snapshot(), before);
}

#[test]
fn every_damage_is_seen() {
    let machine = Machine::new("firecracker-vm");
    expect(&machine, &["apply", "--only", "swappiness,hung-task,vm-stat-interval"], 0);
    let text = machine.root.read(journal::PATH).unwrap();
    for cut in 0..text.len() {
        machine.set(journal::PATH, &text[..cut]);
        let found = Journal::find(&machine.root);
        assert!(found.is_err() || found.unwrap().unwrap().whole().is_err(), "cut at {cut}");
    }
    let mut bytes = text.clone().into_bytes();
    for at in 0..bytes.len() {
        // Space is compared away where lines end; everything else must be noticed.
        bytes[at] ^= 1;
        machine.set(journal::PATH, &String::from_utf8_lossy(&bytes));
        let found = Journal::find(&machine.root);
        let noticed = match found {
            Err(_) => true,
            Ok(found) => found.is_none_or(|found| found.whole().is_err()),
        };
        assert!(noticed, "flip at {at}");
        bytes[at] ^= 1;
    }
}

#[test]
fn a_journal_of_a_later_version_is_refused() {
    let machine = Machine::new("firecracker-vm");
    let header = r#"{"version":9,"machine_id":"00112233445566778899aabbccddeeff","boot_id":"b","profile":"latency","cores":"","data_dir":"/d","entries":0}"#;
    machine.set(journal::PATH, &format!("{:08x} {header}", crc32c::crc32c(header.as_bytes())));
    assert!(expect(&machine, &["undo"], 1).contains("version 9"));
}

#[test]
fn two_at_once_are_refused() {
    let machine = Machine::new("firecracker-vm");
    let held = machine.root.lock("/run/ringlog-tune.lock").unwrap();
    assert!(expect(&machine, &["apply"], 1).contains("another ringlog-tune"));
    drop(held);
    expect(&machine, &["apply", "--only", "swappiness"], 0);
}

#[test]
fn units_are_written_and_removed_and_undo_what_they_applied() {
    let machine = Machine::new("firecracker-vm");
    let before = machine.snapshot();
    expect(&machine, &["persist", "--cores", "0", "--hold-idle"], 0);
    let unit = machine.root.read("/etc/systemd/system/ringlog-tune.service").unwrap();
    assert!(unit.contains("Before=ringlog.service"));
    assert!(
        unit.contains(" apply --profile latency --data-dir /var/lib/ringlog --cores 0\n"),
        "{unit}"
    );
    assert!(unit.contains(" undo\n"));
    expect(&machine, &["persist", "--data-dir", "/data/50% full"], 0);
    let odd = machine.root.read("/etc/systemd/system/ringlog-tune.service").unwrap();
    assert!(odd.contains("--data-dir '/data/50%% full'"), "{odd}");
    let hold = machine.root.read("/etc/systemd/system/ringlog-tune-hold.service").unwrap();
    assert!(hold.contains(" hold\n"));
    let link = "/etc/systemd/system/multi-user.target.wants/ringlog-tune.service";
    assert_eq!(machine.root.link(link).unwrap(), "../ringlog-tune.service");
    // What the unit does at boot.
    expect(&machine, &["apply", "--cores", "0", "--only", "swappiness"], 0);
    let said = expect(&machine, &["persist", "--remove"], 0);
    assert!(said.contains("removed: /etc/systemd/system/ringlog-tune.service"), "{said}");
    assert!(said.contains("the host is as before"), "{said}");
    assert_eq!(machine.snapshot(), before);
    assert!(expect(&machine, &["persist", "--remove"], 0).contains("nothing to do"));
}

#[test]
fn a_unit_of_somebody_else_is_left_alone() {
    let machine = Machine::new("firecracker-vm");
    let path = "/etc/systemd/system/ringlog-tune.service";
    machine.set(path, "[Unit]\nDescription=mine");
    assert!(expect(&machine, &["persist"], 1).contains("not one of ours"));
    assert!(expect(&machine, &["persist", "--remove"], 1).contains("not one of ours"));
    assert!(machine.root.read(path).unwrap().contains("mine"));
}

#[test]
fn irqbalance_is_told_and_its_file_restored() {
    let machine = Machine::new("two-socket");
    let config = "/etc/default/irqbalance";
    let before = machine.root.read(config).unwrap();
    expect(&machine, &["apply", "--only", "irqbalance", "--cores", "8-15"], 0);
    assert!(machine.root.read(config).unwrap().ends_with("IRQBALANCE_BANNED_CPULIST=8-15"));
    expect(&machine, &["undo"], 0);
    assert_eq!(machine.root.read(config).unwrap(), before);
}

#[test]
fn the_kernel_line_is_verified_after_the_boot() {
    let machine = Machine::new("two-socket");
    let said = expect(&machine, &["plan", "--cores", "8-15"], 0);
    let line = "isolcpus=domain,managed_irq,8-15 nohz_full=8-15 rcu_nocbs=8-15 irqaffinity=0-7,16-31 nosoftlockup";
    assert!(said.contains(line), "{said}");
    expect(&machine, &["apply", "--cores", "8-15", "--only", "swappiness"], 0);
    assert!(expect(&machine, &["verify"], 3).contains("kernel command line lacks nohz_full=8-15"));
    machine.set("/proc/cmdline", &format!("quiet {line}"));
    expect(&machine, &["verify"], 0);
    assert!(
        expect(&machine, &["check", "--cores", "8-15", "--only", "cpu-isolation"], 0)
            .contains("ok")
    );
}

#[test]
fn nothing_that_does_not_apply_is_ever_short() {
    let machine = Machine::new("container");
    let said = expect(&machine, &["check", "--format", "json"], 3);
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    let findings = document["findings"].as_array().unwrap();
    for id in ["cpu-governor", "disk-scheduler", "swappiness", "thp", "clocksource", "nic-rps"] {
        let mine: Vec<_> = findings.iter().filter(|one| one["item"] == id).collect();
        assert!(
            !mine.is_empty() && mine.iter().all(|one| one["status"] == "not_applicable"),
            "{id}"
        );
    }
}

#[test]
fn completion_scripts_name_the_commands() {
    let machine = Machine::new("container");
    for shell in ["bash", "zsh", "fish"] {
        let said = expect(&machine, &["completion", shell], 0);
        assert!(said.contains("undo") && said.contains("measure"), "{shell}");
    }
}

/// `docs/tuning.md` tells the meaning of every item in the tool's own words.
#[test]
fn the_manual_says_what_the_tool_says() {
    let machine = Machine::new("container");
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tuning.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let said = expect(&machine, &["explain"], 0);
    assert!(
        manual.contains(said.trim()),
        "write the output of `ringlog-tune explain` into docs/tuning.md"
    );
}
