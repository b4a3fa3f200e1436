//! Owns the text form of a recorded tree, in which a whole machine is one reviewable file:
//!
//! ```text
//! # comment
//! /sys/block/vda/queue/scheduler = none [mq-deadline]
//! /proc/meminfo =
//! | MemTotal:       16303428 kB
//! /sys/block/vda -> ../devices/pci0000:00/0000:00:02.0/virtio1/block/vda
//! /sys/kernel/irq/36/
//! ```
//!
//! One line is one file (`=`), symbolic link (`->`) or folder (trailing `/`); lines that start with
//! `| ` continue the file above. Never touches a host: [`unpack`] writes only below its target.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// One thing of a recorded tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file with this text, no trailing newline.
    File(String),
    /// A symbolic link with this target.
    Link(String),
    /// A folder that is listed; its contents follow as nodes of their own.
    Folder,
}

/// Path on the host to what is there.
pub type Nodes = BTreeMap<String, Node>;

/// Reads the text form. The error names the line.
pub fn parse(text: &str) -> Result<Nodes, String> {
    let mut nodes = Nodes::new();
    let mut open: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(more) = line.strip_prefix('|') {
            let path = open.as_ref().ok_or(format!("line {number}: text without a file"))?;
            let Some(Node::File(body)) = nodes.get_mut(path) else { continue };
            if !body.is_empty() {
                body.push('\n');
            }
            body.push_str(more.strip_prefix(' ').unwrap_or(more));
            continue;
        }
        open = None;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (path, node) = parse_line(line).ok_or(format!("line {number}: `{line}`"))?;
        if let Node::File(_) = node {
            open = Some(path.clone());
        }
        nodes.insert(path, node);
    }
    Ok(nodes)
}

/// Writes the text form, sorted by path.
pub fn format(nodes: &Nodes) -> String {
    let mut text = String::new();
    for (path, node) in nodes {
        let line = match node {
            Node::Folder => format!("{path}/\n"),
            Node::Link(target) => format!("{path} -> {target}\n"),
            Node::File(body) if body.is_empty() => format!("{path} =\n"),
            Node::File(body) if !body.contains('\n') => format!("{path} = {body}\n"),
            Node::File(body) => {
                let lines: String = body.lines().map(|line| format!("| {line}\n")).collect();
                format!("{path} =\n{lines}")
            }
        };
        text.push_str(&line);
    }
    text
}

/// Writes a recorded tree as files below `target`, which must be a folder of the caller's own.
pub fn unpack(nodes: &Nodes, target: &Path) -> io::Result<()> {
    for (path, node) in nodes {
        let mut full = PathBuf::from(target);
        full.extend(Path::new(path).components().filter(|c| matches!(c, Component::Normal(_))));
        if *node == Node::Folder {
            fs::create_dir_all(&full)?;
            continue;
        }
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent)?;
        }
        match node {
            Node::Link(link) => std::os::unix::fs::symlink(link, &full)?,
            Node::File(body) => fs::write(&full, format!("{body}\n"))?,
            Node::Folder => {}
        }
    }
    Ok(())
}

fn parse_line(line: &str) -> Option<(String, Node)> {
    if !line.starts_with('/') {
        return None;
    }
    if let Some((path, target)) = line.split_once(" -> ") {
        return Some((path.to_owned(), Node::Link(target.trim().to_owned())));
    }
    if let Some((path, body)) = line.split_once(" =") {
        return Some((path.to_owned(), Node::File(body.trim_start().to_owned())));
    }
    let folder = line.trim_end().strip_suffix('/')?;
    Some((folder.to_owned(), Node::Folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_all_kinds() {
        let text = "/a/b = 1 [2]\n/a/c =\n/a/d =\n| one\n| two = three\n/a/e -> ../x\n/a/f/\n";
        let nodes = parse(text).unwrap();
        assert_eq!(nodes.len(), 5);
        assert_eq!(nodes["/a/d"], Node::File("one\ntwo = three".into()));
        assert_eq!(format(&nodes), text);
        assert!(parse("nonsense").unwrap_err().contains("line 1"));
    }
}
