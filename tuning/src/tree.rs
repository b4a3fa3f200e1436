//! Owns every access to the host: all reads and writes name a path as the kernel shows it (`/proc/…`,
//! `/sys/…`), and a [`Root`] finds it below its prefix. Never interprets a value.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// The most bytes read from one file. Kernel attributes are a page; the journal of a machine with
/// thousands of CPUs is the largest text read.
pub const READ_BYTES_MAX: u64 = 64 << 20;

/// A host's files, real or recorded. Paths are absolute and written as on the host.
pub trait Tree {
    /// The text of a file, without trailing white space.
    fn read(&self, path: &str) -> io::Result<String>;
    /// Writes an existing file; never creates one, since a kernel attribute that is gone is an error.
    fn write(&self, path: &str, value: &str) -> io::Result<()>;
    /// The names in a folder, sorted; empty when there is no such folder.
    fn list(&self, folder: &str) -> Vec<String>;
    /// Where `path` really is after all symbolic links, as an absolute path of the host.
    fn real(&self, path: &str) -> io::Result<String>;
    /// The text of a symbolic link.
    fn link(&self, path: &str) -> io::Result<String>;
    /// Creates or replaces a file so that after a crash either the old or the new one is there.
    fn save(&self, path: &str, text: &str) -> io::Result<()>;
    /// Creates a symbolic link, and the folder it is in.
    fn symlink(&self, path: &str, target: &str) -> io::Result<()>;
    /// Removes a file or link durably.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Whether something is at `path`.
    fn exists(&self, path: &str) -> bool {
        self.real(path).is_ok()
    }
}

/// The files of one host below a prefix; the prefix `/` is this host.
#[derive(Clone, Debug)]
pub struct Root {
    prefix: PathBuf,
}

impl Root {
    /// A root at `prefix`, which must be an existing folder.
    pub fn new(prefix: &Path) -> io::Result<Self> {
        Ok(Self { prefix: prefix.canonicalize()? })
    }

    /// Whether this is the running host and not a recorded one.
    pub fn is_live(&self) -> bool {
        self.prefix == Path::new("/")
    }

    /// Where a host path is for us.
    pub fn at(&self, path: &str) -> PathBuf {
        let mut full = self.prefix.clone();
        // A path may not climb out of the prefix.
        full.extend(Path::new(path).components().filter(|c| matches!(c, Component::Normal(_))));
        full
    }

    /// Takes the lock that keeps two changing runs apart; it is held until the file is dropped.
    pub fn lock(&self, path: &str) -> io::Result<File> {
        let full = self.at(path);
        create_parent(&full)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(full)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }
}

impl Tree for Root {
    fn read(&self, path: &str) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.at(path))?.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.trim_end_matches([' ', '\n', '\t', '\0']).to_owned())
    }

    fn write(&self, path: &str, value: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).truncate(true).open(self.at(path))?;
        // One write: the kernel takes an attribute whole or not at all.
        file.write_all(format!("{value}\n").as_bytes())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    fn real(&self, path: &str) -> io::Result<String> {
        let full = self.at(path).canonicalize()?;
        let inside = full.strip_prefix(&self.prefix).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "a link leads out of the recorded tree")
        })?;
        Ok(format!("/{}", inside.display()))
    }

    fn link(&self, path: &str) -> io::Result<String> {
        Ok(fs::read_link(self.at(path))?.to_string_lossy().into_owned())
    }

    fn save(&self, path: &str, text: &str) -> io::Result<()> {
        let full = self.at(path);
        let parent = create_parent(&full)?;
        // 1. write a new file  2. fsync it  3. rename over the old one  4. fsync the folder
        let fresh = full.with_extension("new");
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o644).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &full)?;
        File::open(parent)?.sync_all()
    }

    fn symlink(&self, path: &str, target: &str) -> io::Result<()> {
        let full = self.at(path);
        create_parent(&full)?;
        std::os::unix::fs::symlink(target, full)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let full = self.at(path);
        fs::remove_file(&full)?;
        File::open(full.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}

fn create_parent(full: &Path) -> io::Result<PathBuf> {
    let parent = full.parent().unwrap_or(Path::new("/")).to_path_buf();
    fs::create_dir_all(&parent)?;
    Ok(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_below_the_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        assert!(root.at("/../../etc/passwd").starts_with(folder.path().canonicalize().unwrap()));
        assert!(!root.is_live());
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        assert!(root.real("/out").is_err());
    }

    #[test]
    fn writes_only_what_exists_and_saves_whole() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        assert!(root.write("/sys/none", "1").is_err());
        root.save("/var/lib/x/journal", "a\n").unwrap();
        root.write("/var/lib/x/journal", "b").unwrap();
        assert_eq!(root.read("/var/lib/x/journal").unwrap(), "b");
        root.remove("/var/lib/x/journal").unwrap();
        assert!(!root.exists("/var/lib/x/journal"));
    }

    #[test]
    fn second_lock_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        let held = root.lock("/run/lock").unwrap();
        assert!(root.lock("/run/lock").is_err());
        drop(held);
        assert!(root.lock("/run/lock").is_ok());
    }
}
