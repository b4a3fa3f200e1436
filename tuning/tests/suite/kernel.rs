//! A tree that behaves as the kernel does when it is written to, with failures on demand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;

use tuning::journal;
use tuning::tree::{Root, Tree};

/// What mq-deadline starts with; the same files in the recorded machines.
pub(crate) const DEADLINE_OWN: [(&str, &str); 7] = [
    ("async_depth", "256"),
    ("fifo_batch", "16"),
    ("front_merges", "1"),
    ("prio_aging_expire", "10000"),
    ("read_expire", "500"),
    ("write_expire", "5000"),
    ("writes_starved", "2"),
];

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// The process dies at this changing step, counted from 0: the step and all after it fail.
    pub(crate) killed_at: Option<usize>,
    /// These files refuse every write.
    pub(crate) refuse: BTreeSet<String>,
    /// These files are gone as soon as they are written.
    pub(crate) vanish: BTreeSet<String>,
    /// These files take another value than the one written.
    pub(crate) coerce: BTreeSet<String>,
}

/// The recorded machine as a running kernel.
pub(crate) struct Kernel<'a> {
    root: &'a Root,
    faults: Faults,
    steps: Cell<usize>,
    pub(crate) vanished: RefCell<BTreeSet<String>>,
}

impl<'a> Kernel<'a> {
    pub(crate) fn new(root: &'a Root, faults: Faults) -> Self {
        Self { root, faults, steps: Cell::new(0), vanished: RefCell::default() }
    }

    /// Changing steps taken so far.
    pub(crate) fn steps(&self) -> usize {
        self.steps.get()
    }

    fn is_dead(&self) -> bool {
        self.faults.killed_at.is_some_and(|step| self.steps.get() > step)
    }

    fn alive(&self) -> io::Result<()> {
        if self.is_dead() { Err(io::Error::other("killed")) } else { Ok(()) }
    }

    /// Counts a changing step; an error when the process dies at it.
    fn step(&self) -> io::Result<()> {
        self.steps.set(self.steps.get() + 1);
        self.alive()
    }

    fn set(&self, path: &str, text: &str) {
        if self.root.exists(path) {
            std::fs::write(self.root.at(path), format!("{text}\n")).unwrap();
        }
    }

    /// How the kernel shows `value` in a file that showed `old`.
    fn shown(path: &str, old: &str, value: &str) -> io::Result<String> {
        if old.contains('[') {
            let choices = old.split_whitespace().map(|word| word.trim_matches(['[', ']']));
            if !choices.clone().any(|choice| choice == value) {
                return Err(io::Error::from_raw_os_error(22));
            }
            let marked =
                choices.map(|one| if one == value { format!("[{one}]") } else { one.to_owned() });
            return Ok(marked.collect::<Vec<_>>().join(" "));
        }
        if path.ends_with("cpus") || path.ends_with("cpumask") {
            return Ok(format!("{value:0>width$}", width = old.len()));
        }
        Ok(if old.contains('\t') { value.replace(' ', "\t") } else { value.to_owned() })
    }

    /// Other files that the kernel moves along.
    fn drag(&self, path: &str, value: &str) {
        if let Some(queue) = path.strip_suffix("/scheduler") {
            self.set(&format!("{queue}/nr_requests"), if value == "none" { "64" } else { "256" });
            let own = self.root.at(&format!("{queue}/iosched"));
            if own.exists() {
                std::fs::remove_dir_all(&own).unwrap();
            }
            if value == "mq-deadline" {
                std::fs::create_dir_all(&own).unwrap();
                for (file, text) in DEADLINE_OWN {
                    std::fs::write(own.join(file), format!("{text}\n")).unwrap();
                }
            }
        }
        if let Some(irq) = path.strip_suffix("/smp_affinity_list") {
            let first = value.split([',', '-']).next().unwrap_or(value);
            self.set(&format!("{irq}/effective_affinity_list"), first);
        }
        if let Some(policy) = path.strip_suffix("/scaling_governor") {
            let preference =
                if value == "performance" { "performance" } else { "balance_performance" };
            self.set(&format!("{policy}/energy_performance_preference"), preference);
        }
    }
}

impl Tree for Kernel<'_> {
    fn read(&self, path: &str) -> io::Result<String> {
        self.alive()?;
        self.root.read(path)
    }

    fn write(&self, path: &str, value: &str) -> io::Result<()> {
        self.step()?;
        if self.faults.refuse.contains(path) {
            return Err(io::Error::from_raw_os_error(5));
        }
        if self.faults.vanish.contains(path) {
            std::fs::remove_file(self.root.at(path))?;
            self.vanished.borrow_mut().insert(path.to_owned());
            return Err(io::ErrorKind::NotFound.into());
        }
        let old = self.root.read(path)?;
        let taken = if self.faults.coerce.contains(path) { "7" } else { value };
        let shown = Self::shown(path, &old, taken).or_else(|_| Self::shown(path, &old, value))?;
        self.root.write(path, &shown)?;
        self.drag(path, value);
        Ok(())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        self.root.list(folder)
    }

    fn real(&self, path: &str) -> io::Result<String> {
        self.alive()?;
        self.root.real(path)
    }

    fn link(&self, path: &str) -> io::Result<String> {
        self.alive()?;
        self.root.link(path)
    }

    fn save(&self, path: &str, text: &str) -> io::Result<()> {
        if let Err(error) = self.step() {
            // A death in the middle of a save leaves half of the new file beside the old one.
            let half = &text[..text.len() / 2];
            self.root.save(&format!("{path}.half"), half)?;
            std::fs::rename(
                self.root.at(&format!("{path}.half")),
                self.root.at(path).with_extension("new"),
            )?;
            return Err(error);
        }
        self.root.save(path, text)
    }

    fn symlink(&self, path: &str, target: &str) -> io::Result<()> {
        self.step()?;
        self.root.symlink(path, target)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.step()?;
        assert_eq!(path, journal::PATH, "only the journal is ever removed");
        self.root.remove(path)
    }
}
