//! What the tool says about each recorded machine is kept beside its tree. `UPDATE_GOLDEN=1 cargo
//! test -p tuning` writes the files anew; read the difference before committing it.

use crate::support::{MACHINES, Machine, run_on, trees};

/// Cores given to each machine: a set that leaves some for the system.
fn cores(machine: &str) -> &'static str {
    match machine {
        "two-socket" => "8-15",
        "laptop" => "2-7",
        "firecracker-vm" => "0",
        _ => "1-3",
    }
}

fn output(machine: &Machine, arguments: &[&str]) -> (String, i32) {
    let done = machine.run(arguments);
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    (String::from_utf8(done.stdout).unwrap(), done.status.code().unwrap())
}

fn compare(file: &str, shown: &str) {
    let path = trees().join("golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, shown).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == shown, "{file} differs; now it is:\n{shown}");
}

#[test]
fn check_and_plan_of_every_machine() {
    for name in MACHINES {
        let machine = Machine::new(name);
        let (text, code) = output(&machine, &["check"]);
        compare(&format!("{name}.check.txt"), &text);
        assert_eq!(code, if text.contains(" short ") { 3 } else { 0 }, "{name}");
        let (json, _) = output(&machine, &["check", "--format", "json", "--cores", cores(name)]);
        compare(&format!("{name}.check.json"), &json);
        let (script, code) = output(&machine, &["plan", "--script", "--cores", cores(name)]);
        compare(&format!("{name}.plan.sh"), &script);
        assert_eq!(code, 0);
    }
}

#[test]
fn json_has_a_schema_version() {
    let machine = Machine::new("cloud-vm");
    for arguments in [vec!["check"], vec!["plan"], vec!["explain"]] {
        let (text, _) = output(&machine, &[arguments, vec!["--format", "json"]].concat());
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["schema_version"], 1);
    }
}

#[test]
fn reading_changes_nothing() {
    for name in MACHINES {
        let machine = Machine::new(name);
        let before = machine.snapshot();
        for command in ["check", "plan", "record", "explain"] {
            let done = machine.run(&[command]);
            assert!(!done.stdout.is_empty(), "{command}");
        }
        assert_eq!(machine.snapshot(), before);
        assert!(!machine.path().join("var/lib/ringlog-tune").exists());
    }
}

/// A record of a recorded machine gives the same answers as the machine.
#[test]
fn a_record_is_the_machine_again() {
    for name in MACHINES {
        let machine = Machine::new(name);
        let record = machine.run(&["record", "--cores", cores(name)]);
        let nodes = tuning::treefile::parse(&String::from_utf8(record.stdout).unwrap()).unwrap();
        let copy = tempfile::tempdir().unwrap();
        tuning::treefile::unpack(&nodes, copy.path()).unwrap();
        let again = run_on(copy.path(), &["check", "--cores", cores(name)]);
        let (first, _) = output(&machine, &["check", "--cores", cores(name)]);
        assert_eq!(String::from_utf8(again.stdout).unwrap(), first, "{name}");
    }
}
