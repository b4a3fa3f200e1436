//! Apply, then undo, is the identity: on any machine with any values, whatever fails in between.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tuning::apply::{self, apply};
use tuning::item::{Change, Profile};
use tuning::journal::Journal;
use tuning::tree::Tree;
use tuning::undo::{self, undo};

use crate::kernel::{DEADLINE_OWN, Faults, Kernel};
use crate::support::{MACHINES, Machine, plan};

const CASES: u32 = 96;
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What happens to a machine before the final undo.
#[derive(Clone, Debug)]
struct Story {
    machine: &'static str,
    profile: Profile,
    cores: bool,
    /// Values the host starts with, chosen by these seeds.
    swappiness: u32,
    scheduler: &'static str,
    queue_depth: u32,
    read_expire: u32,
    huge_pages: &'static str,
    /// One in `refuse` files refuses, one in `vanish` vanishes; 0 is none.
    refuse: u32,
    vanish: u32,
    killed_at: Option<usize>,
    all_or_nothing: bool,
    second_profile: Option<Profile>,
    undo_killed_at: Option<usize>,
    reboot: bool,
}

fn profiles() -> impl Strategy<Value = Profile> {
    prop_oneof![Just(Profile::Latency), Just(Profile::Bench), Just(Profile::Dev)]
}

prop_compose! {
    fn stories()(
        (machine, profile, cores, second_profile) in
            (prop::sample::select(&MACHINES[..]), profiles(), any::<bool>(), prop::option::of(profiles())),
        (swappiness, queue_depth, read_expire) in (0u32..=200, 4u32..1024, 1u32..1000),
        scheduler in prop::sample::select(vec!["none", "mq-deadline", "kyber"]),
        huge_pages in prop::sample::select(vec!["always", "madvise", "never"]),
        (refuse, vanish) in (prop_oneof![Just(0u32), 1u32..6], prop_oneof![3 => Just(0u32), 1 => 2u32..12]),
        (killed_at, undo_killed_at) in (prop::option::of(0usize..60), prop::option::of(0usize..60)),
        (all_or_nothing, reboot) in (any::<bool>(), prop::bool::weighted(0.2)),
    ) -> Story {
        Story {
            machine, profile, cores, swappiness, scheduler, queue_depth, read_expire, huge_pages,
            refuse, vanish, killed_at, all_or_nothing, second_profile, undo_killed_at, reboot,
        }
    }
}

/// One in `n` of the paths, by their text, so that a story replays the same.
fn one_in(n: u32, changes: &[Change], salt: u32) -> BTreeSet<String> {
    let hit =
        |path: &str| n > 0 && path.bytes().map(u32::from).sum::<u32>().wrapping_add(salt) % n == 0;
    changes.iter().map(|change| change.path.clone()).filter(|path| hit(path)).collect()
}

fn furnish(machine: &Machine, story: &Story) {
    machine.set("/proc/sys/vm/swappiness", &story.swappiness.to_string());
    let pages = "/sys/kernel/mm/transparent_hugepage/enabled";
    machine.set(pages, &bracketed("always madvise never", story.huge_pages));
    for disk in machine.root.list("/sys/block") {
        let queue = format!("/sys/block/{disk}/queue");
        let Ok(offered) = machine.root.read(&format!("{queue}/scheduler")) else { continue };
        let offered: String = offered.chars().filter(|c| !"[]".contains(*c)).collect();
        if !offered.split_whitespace().any(|one| one == story.scheduler) {
            continue;
        }
        machine.set(&format!("{queue}/scheduler"), &bracketed(&offered, story.scheduler));
        machine.set(&format!("{queue}/nr_requests"), &story.queue_depth.to_string());
        let own = machine.root.at(&format!("{queue}/iosched"));
        if own.exists() {
            std::fs::remove_dir_all(&own).unwrap();
        }
        if story.scheduler == "mq-deadline" {
            for (file, text) in DEADLINE_OWN {
                machine.set(&format!("{queue}/iosched/{file}"), text);
            }
            machine.set(&format!("{queue}/iosched/read_expire"), &story.read_expire.to_string());
        }
    }
}

fn bracketed(choices: &str, chosen: &str) -> String {
    let mark = |one: &str| if one == chosen { format!("[{one}]") } else { one.to_owned() };
    choices.split_whitespace().map(mark).collect::<Vec<_>>().join(" ")
}

fn cores(story: &Story) -> &'static str {
    match (story.cores, story.machine) {
        (false, _) => "",
        (true, "firecracker-vm") => "0",
        (true, _) => "1-3",
    }
}

/// One apply, with failures; returns the files that vanished.
fn apply_once(
    machine: &Machine,
    story: &Story,
    profile: Profile,
    faults: Faults,
) -> BTreeSet<String> {
    let kernel = Kernel::new(&machine.root, faults);
    let changes = plan(&machine.root, &machine.root, profile, cores(story));
    let options = apply::Options { all_or_nothing: story.all_or_nothing, force: false };
    // Whatever comes of it, the final undo must cope.
    let _outcome = apply(&kernel, machine.header(profile, cores(story)), changes, options);
    kernel.vanished.take()
}

fn live_through(story: &Story) {
    let machine = Machine::new(story.machine);
    furnish(&machine, story);
    let before = machine.snapshot();
    let changes = machine.plan(story.profile, cores(story));
    let faults = Faults {
        killed_at: story.killed_at,
        refuse: one_in(story.refuse, &changes, 0),
        vanish: one_in(story.vanish, &changes, 1),
        coerce: BTreeSet::new(),
    };
    let mut vanished = apply_once(&machine, story, story.profile, faults);
    if let Some(profile) = story.second_profile {
        vanished.extend(apply_once(&machine, story, profile, Faults::default()));
    }
    if story.reboot {
        reboot(&machine, &before, &vanished);
    }
    let killed =
        Kernel::new(&machine.root, Faults { killed_at: story.undo_killed_at, ..Faults::default() });
    let _interrupted = undo(&killed, undo::Options::default());
    let kernel = Kernel::new(&machine.root, Faults::default());
    if Journal::find(&machine.root).unwrap().is_some() {
        let undone = undo(&kernel, undo::Options::default()).unwrap();
        for one in undone.iter().filter(|one| one.kept) {
            assert!(vanished.contains(&one.change.path), "not taken back: {one:?}");
        }
    }
    let mut after = machine.snapshot();
    let mut expected = before;
    for path in &vanished {
        let real = machine.root.at(path).canonicalize().unwrap_or_else(|_| {
            let full = machine.root.at(path);
            full.parent().unwrap().canonicalize().unwrap().join(full.file_name().unwrap())
        });
        let inside = real.strip_prefix(machine.path().canonicalize().unwrap()).unwrap().to_owned();
        expected.remove(&inside);
        after.remove(&inside);
    }
    expected.retain(|path, _| !path.ends_with("boot_id"));
    after.retain(|path, _| !path.ends_with("boot_id"));
    let differences: Vec<_> = expected
        .iter()
        .map(|(path, text)| (path, Some(text), after.get(path)))
        .chain(after.iter().map(|(path, text)| (path, expected.get(path), Some(text))))
        .filter(|(_, left, right)| left != right)
        .collect();
    assert!(differences.is_empty(), "path, before, after: {differences:?}");
}

/// Kernel values come up as they were; only files outside /proc and /sys live on.
fn reboot(
    machine: &Machine,
    before: &std::collections::BTreeMap<std::path::PathBuf, String>,
    vanished: &BTreeSet<String>,
) {
    for queue in machine.root.list("/sys/block") {
        let own = machine.root.at(&format!("/sys/block/{queue}/queue/iosched"));
        if own.exists() {
            std::fs::remove_dir_all(own).unwrap();
        }
    }
    for (path, text) in
        before.iter().filter(|(path, _)| path.starts_with("proc") || path.starts_with("sys"))
    {
        let host_path = format!("/{}", path.display());
        if !vanished.iter().any(|gone| gone.rsplit('/').next() == host_path.rsplit('/').next()) {
            machine.set(&host_path, text);
        }
    }
    machine.set(BOOT_ID, "11111111-2222-3333-4444-555555555555");
}

/// `PROPTEST_CASES` asks for more than the usual number.
fn config() -> ProptestConfig {
    let asked = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => asked,
        None => ProptestConfig { cases: CASES, ..asked },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn apply_then_undo_is_the_identity(story in stories()) {
        live_through(&story);
    }
}

fn plain(machine: &'static str) -> Story {
    Story {
        machine,
        profile: Profile::Latency,
        cores: true,
        swappiness: 60,
        scheduler: "mq-deadline",
        queue_depth: 300,
        read_expire: 321,
        huge_pages: "always",
        refuse: 0,
        vanish: 0,
        killed_at: None,
        all_or_nothing: false,
        second_profile: None,
        undo_killed_at: None,
        reboot: false,
    }
}

/// Not a sample of the steps but each of them, for apply and for undo.
#[test]
fn killed_at_every_step() {
    for name in ["cloud-vm", "firecracker-vm", "container"] {
        let machine = Machine::new(name);
        furnish(&machine, &plain(name));
        let kernel = Kernel::new(&machine.root, Faults::default());
        let story = plain(name);
        let changes = machine.plan(Profile::Latency, cores(&story));
        apply(&kernel, machine.header(Profile::Latency, ""), changes, apply::Options::default())
            .unwrap();
        for step in 0..=kernel.steps() {
            live_through(&Story { killed_at: Some(step), ..plain(name) });
            live_through(&Story { undo_killed_at: Some(step), ..plain(name) });
            live_through(&Story {
                killed_at: Some(step),
                undo_killed_at: Some(step / 2),
                ..plain(name)
            });
        }
    }
}

/// The test's own kernel really changes things: without this the identity would be shown of nothing.
#[test]
fn apply_changes_the_machines() {
    for (name, least) in
        [("two-socket", 100), ("cloud-vm", 8), ("laptop", 40), ("firecracker-vm", 8)]
    {
        let story = plain(name);
        let machine = Machine::new(name);
        furnish(&machine, &story);
        let before = machine.snapshot();
        apply_once(&machine, &story, Profile::Latency, Faults::default());
        let after = machine.snapshot();
        let changed = before.iter().filter(|(path, text)| after.get(*path) != Some(*text)).count();
        assert!(changed >= least, "{name}: only {changed} files changed");
        // A second apply finds nothing more to do.
        assert!(machine.plan(Profile::Latency, cores(&story)).is_empty(), "{name}");
    }
}

/// One refusal, and nothing is left of the changes before it, not even the journal.
#[test]
fn all_or_nothing_takes_everything_back() {
    let machine = Machine::new("cloud-vm");
    let before = machine.snapshot();
    let changes = machine.plan(Profile::Latency, "1-3");
    let last = changes.last().unwrap().path.clone();
    let faults = Faults { refuse: BTreeSet::from([last]), ..Faults::default() };
    let options = apply::Options { all_or_nothing: true, force: false };
    let kernel = Kernel::new(&machine.root, faults);
    let applied =
        apply(&kernel, machine.header(Profile::Latency, "1-3"), changes, options).unwrap();
    assert!(!applied.is_complete());
    let undone = applied.rolled_back.unwrap();
    assert!(undone.len() > 5 && undone.iter().all(|one| !one.kept));
    assert_eq!(machine.snapshot(), before);
    assert!(Journal::find(&machine.root).unwrap().is_none());
}

/// A kernel that makes another value of the one written is told from one that takes it.
#[test]
fn a_value_the_kernel_makes_another_of_is_not_forgotten() {
    let machine = Machine::new("cloud-vm");
    let before = machine.snapshot();
    let path = "/proc/sys/vm/swappiness".to_owned();
    let faults = Faults { coerce: BTreeSet::from([path.clone()]), ..Faults::default() };
    let changes: Vec<Change> = machine
        .plan(Profile::Latency, "")
        .into_iter()
        .filter(|change| change.path == path)
        .collect();
    // The emulated kernel makes 7 of everything, also of the old value: it cannot be put back.
    let kernel = Kernel::new(&machine.root, faults);
    let options = apply::Options::default();
    let applied = apply(&kernel, machine.header(Profile::Latency, ""), changes, options).unwrap();
    assert!(
        matches!(&applied.results[0].1, apply::Outcome::Refused(why) if why.contains("made `7` of it"))
    );
    // Not forgotten: the journal has it, and a forced undo takes it back once the kernel lets it.
    assert!(undo(&kernel, undo::Options::default()).unwrap()[0].kept);
    let healthy = Kernel::new(&machine.root, Faults::default());
    assert!(!undo(&healthy, undo::Options { force: true }).unwrap()[0].kept);
    assert_eq!(machine.snapshot(), before);
}
