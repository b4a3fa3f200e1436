//! Recorded machines as folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tuning::check::{Report, Selection};
use tuning::host::{Host, Wish, live};
use tuning::item::{Change, Profile};
use tuning::journal::Header;
use tuning::plan::Plan;
use tuning::tree::{Root, Tree};
use tuning::treefile;

/// Every recorded machine.
pub(crate) const MACHINES: [&str; 5] =
    ["two-socket", "cloud-vm", "container", "laptop", "firecracker-vm"];

pub(crate) fn trees() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees")
}

/// A recorded machine, unpacked; gone when dropped.
pub(crate) struct Machine {
    folder: TempDir,
    pub(crate) root: Root,
}

impl Machine {
    pub(crate) fn new(name: &str) -> Self {
        let text = std::fs::read_to_string(trees().join(format!("{name}.tree"))).unwrap();
        // In memory: each case makes a thousand small files and syncs some of them.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        treefile::unpack(&treefile::parse(&text).unwrap(), folder.path()).unwrap();
        let root = Root::new(folder.path()).unwrap();
        Self { folder, root }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program on this machine.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run_on(self.path(), arguments)
    }

    /// Sets a file as if somebody else did, creating it when need be.
    pub(crate) fn set(&self, path: &str, text: &str) {
        let full = self.root.at(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, format!("{text}\n")).unwrap();
    }

    /// Every file's text, except what the tool keeps for itself.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        collect(self.path(), self.path(), &mut files);
        files.retain(|path, _| {
            let own = path.starts_with("var/lib/ringlog-tune") || path.starts_with("run");
            // Read-only: of the allowed CPUs the kernel chooses one anew with every write.
            !own && !path.ends_with("effective_affinity_list")
        });
        files
    }

    /// The changes for a profile and cores, as `apply` would plan them.
    pub(crate) fn plan(&self, profile: Profile, cores: &str) -> Vec<Change> {
        plan(&self.root, &self.root, profile, cores)
    }

    pub(crate) fn header(&self, profile: Profile, cores: &str) -> Header {
        Header::new(&self.root, profile, cores.to_owned(), "/var/lib/ringlog".to_owned())
    }
}

/// Runs the program on the recorded machine in a folder.
pub(crate) fn run_on(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ringlog-tune"));
    program.arg("--root").arg(folder).args(arguments).output().unwrap()
}

pub(crate) fn plan(tree: &dyn Tree, root: &Root, profile: Profile, cores: &str) -> Vec<Change> {
    let wish =
        Wish { profile, cores: cores.parse().unwrap(), data_dir: "/var/lib/ringlog".to_owned() };
    let live = live::gather(root, &wish.data_dir, &[]);
    let host = Host::load(tree, wish, live);
    Plan::of(&Report::of(&host, &Selection::default())).changes
}

fn collect(top: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        let path = entry.path();
        if kind.is_dir() {
            collect(top, &path, files);
        } else if kind.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            files.insert(path.strip_prefix(top).unwrap().to_owned(), text.trim_end().to_owned());
        }
    }
}
