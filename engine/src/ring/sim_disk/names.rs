//! Folders and names of the simulated disk, with the journal of changes that are not durable yet.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{SimFile, SimRandom, file::SimContent};

#[derive(Clone)]
pub(super) enum Node {
    Dir,
    File(SimFile),
}

#[derive(Clone)]
enum NameChange {
    Put(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

type Tree = BTreeMap<PathBuf, Node>;

/// The tree as processes see it, the durable tree, and the changes that lead from one to the other.
#[derive(Default)]
pub(super) struct Names {
    current: Tree,
    durable: Tree,
    journal: Vec<NameChange>,
}

impl Names {
    pub(super) fn file(&self, path: &Path) -> io::Result<SimFile> {
        match self.current.get(path) {
            Some(Node::File(file)) => Ok(file.clone()),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn create(&mut self, path: &Path, direct: bool) -> io::Result<SimFile> {
        if self.current.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.parent(path)?;
        let file = SimFile(Rc::new(RefCell::new(SimContent::new(path.to_owned(), direct))));
        self.change(NameChange::Put(path.to_owned(), Node::File(file.clone())));
        Ok(file)
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        if self.current.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.parent(path)?;
        self.change(NameChange::Put(path.to_owned(), Node::Dir));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if !self.current.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.parent(to)?;
        self.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        for (path, node) in self.current.range(to.to_owned()..) {
            if !path.starts_with(to) {
                break;
            }
            if let Node::File(file) = node {
                file.0.borrow_mut().path.clone_from(path);
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    /// Children of a folder, in name order.
    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<(String, &Node)>> {
        if !matches!(self.current.get(dir), Some(Node::Dir)) && !is_root(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let children = self.current.iter().filter(|(path, _)| path.parent() == Some(dir));
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(children.filter_map(|(path, node)| Some((name(path)?, node))).collect())
    }

    pub(super) fn flush_dir(&mut self, dir: &Path) {
        let touches = |path: &Path| path.parent() == Some(dir) || path == dir;
        let last = self.journal.iter().rposition(|change| match change {
            NameChange::Put(path, _) | NameChange::Remove(path) => touches(path),
            NameChange::Rename(from, to) => touches(from) || touches(to),
        });
        for change in self.journal.drain(..last.map_or(0, |at| at + 1)) {
            apply(&mut self.durable, change);
        }
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let bytes = |node: &Node| match node {
            Node::Dir => 0,
            Node::File(file) => file.0.borrow().used_bytes(),
        };
        self.current.values().map(bytes).sum()
    }

    /// The tree as found after power loss; files are copies.
    pub(super) fn crash(&self, random: &mut SimRandom) -> Names {
        let mut tree = self.durable.clone();
        let kept = random.below(self.journal.len() as u64 + 1);
        let kept = usize::try_from(kept).expect("not above the journal's length");
        for change in &self.journal[..kept] {
            apply(&mut tree, change.clone());
        }
        for node in tree.values_mut() {
            if let Node::File(file) = node {
                let content = file.0.borrow().crash(random);
                *file = SimFile(Rc::new(RefCell::new(content)));
            }
        }
        for (path, node) in &tree {
            if let Node::File(file) = node {
                file.0.borrow_mut().path.clone_from(path);
            }
        }
        Names { durable: tree.clone(), current: tree, journal: Vec::new() }
    }

    fn change(&mut self, change: NameChange) {
        apply(&mut self.current, change.clone());
        self.journal.push(change);
    }

    fn parent(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let known = matches!(self.current.get(parent), Some(Node::Dir)) || is_root(parent);
        if known { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

fn is_root(path: &Path) -> bool {
    path == Path::new("/") || path == Path::new("")
}

fn apply(tree: &mut Tree, change: NameChange) {
    match change {
        NameChange::Put(path, node) => {
            tree.insert(path, node);
        }
        NameChange::Remove(path) => {
            tree.remove(&path);
        }
        NameChange::Rename(from, to) => {
            let moved: Vec<PathBuf> =
                tree.range(from.clone()..).map(|(path, _)| path.clone()).collect();
            for path in moved.into_iter().take_while(|path| path.starts_with(&from)) {
                let rest = path.strip_prefix(&from).expect("starts with it").to_owned();
                let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                if let Some(node) = tree.remove(&path) {
                    tree.insert(new, node);
                }
            }
        }
    }
}
