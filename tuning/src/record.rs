//! Owns recording a host: a [`Tree`] that remembers every file, folder and link that was looked at,
//! and gives them as a recorded tree for a bug report or a test.

use std::cell::RefCell;
use std::io;

use crate::tree::Tree;
use crate::treefile::{Node, Nodes};

/// A tree that remembers what was read through it. Never writes.
pub struct Recorder<'a> {
    inner: &'a dyn Tree,
    seen: RefCell<Nodes>,
}

impl<'a> Recorder<'a> {
    /// Records what is read from `inner`.
    pub fn new(inner: &'a dyn Tree) -> Self {
        Self { inner, seen: RefCell::new(Nodes::new()) }
    }

    /// What was seen.
    pub fn into_nodes(self) -> Nodes {
        self.seen.into_inner()
    }

    /// Remembers the links on the way to `path` and returns where it really is.
    fn walk(&self, path: &str) -> io::Result<String> {
        let real = self.inner.real(path)?;
        let mut at = String::new();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let step = format!("{at}/{name}");
            if let Ok(target) = self.inner.link(&step) {
                self.seen.borrow_mut().insert(step.clone(), Node::Link(target));
            }
            at = self.inner.real(&step)?;
        }
        self.seen.borrow_mut().entry(real.clone()).or_insert(Node::Folder);
        Ok(real)
    }
}

impl Tree for Recorder<'_> {
    fn read(&self, path: &str) -> io::Result<String> {
        let text = self.inner.read(path)?;
        let real = self.walk(path)?;
        self.seen.borrow_mut().insert(real, Node::File(text.clone()));
        Ok(text)
    }

    fn write(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let names = self.inner.list(folder);
        if let Ok(real) = self.walk(folder) {
            for name in &names {
                // Only that the name is there; what it is follows if somebody reads it.
                let path = format!("{real}/{name}");
                if self.inner.link(&path).is_err() {
                    self.seen.borrow_mut().entry(path).or_insert(Node::Folder);
                }
            }
        }
        names
    }

    fn real(&self, path: &str) -> io::Result<String> {
        self.walk(path)
    }

    fn link(&self, path: &str) -> io::Result<String> {
        let target = self.inner.link(path)?;
        // The link's own place, after the links above it.
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let real = self.walk(folder)?;
        self.seen.borrow_mut().insert(format!("{real}/{name}"), Node::Link(target.clone()));
        Ok(target)
    }

    fn save(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn symlink(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
