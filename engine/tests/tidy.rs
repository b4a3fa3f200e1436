//! The shape of the source, kept by a test: imports point one way, `unsafe` stays where it may be,
//! files say what they own and stay readable.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

/// Lines of a source file without its tests, beyond which it holds more than one idea.
const FILE_LINES_MAX: usize = 600;

/// Modules of the engine, lowest first; a module imports only from layers below its own.
const LAYERS: [&[&str]; 10] = [
    &["types"],
    &["limits", "clock"],
    &["config"],
    &["ring"],
    &["log"],
    &["partition"],
    &["group"],
    &["shard"],
    &["api"],
    &["net"],
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn engine_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&root)
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.strip_prefix(&root).unwrap().display().to_string(), text)
        })
        .collect()
}

/// The top-level module a file belongs to.
fn module(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Every `X` of `crate::X` in the text, including those of a braced list.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(heads_of_list(list)),
            None => found.push(head(rest)),
        }
    }
    found
}

fn head(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn heads_of_list(list: &str) -> Vec<String> {
    let (mut depth, mut heads, mut fresh) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if c.is_whitespace() => {}
            _ if fresh && depth == 0 => {
                heads.push(head(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for (file, text) in engine_sources() {
        let Some(own) = layer(module(&file)) else { continue };
        for import in imports(&text) {
            let goes_up = layer(&import).is_some_and(|other| other > own)
                || (layer(&import) == Some(own) && import != module(&file))
                || matches!(import.as_str(), "cli" | "server");
            if goes_up {
                wrong.push(format!("{file} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the direction of the layers:\n{}", wrong.join("\n"));
}

#[test]
fn the_import_reader_sees_lists_and_paths() {
    let text =
        "use crate::{api::Answer, log::{Log, tail::Tail}, net}; let x = crate::ring::probe();";
    assert_eq!(imports(text), ["api", "log", "net", "ring"]);
}

#[test]
fn unsafe_code_stays_in_the_ring() {
    let marker = concat!("unsafe", " ");
    let strays: Vec<_> = engine_sources()
        .into_iter()
        .filter(|(file, _)| module(file) != "ring")
        .filter(|(_, text)| {
            text.lines()
                .map(str::trim_start)
                .any(|line| !line.starts_with("//") && line.contains(marker))
        })
        .map(|(file, _)| file)
        .collect();
    assert!(strays.is_empty(), "unsafe outside the ring: {strays:?}");
}

#[test]
fn files_say_what_they_own_and_stay_readable() {
    let mut wrong = Vec::new();
    for (file, text) in engine_sources() {
        if !text.starts_with("//!") {
            wrong.push(format!("{file} does not open with what it owns"));
        }
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        if code.lines().count() > FILE_LINES_MAX {
            wrong.push(format!("{file} is longer than {FILE_LINES_MAX} lines"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
