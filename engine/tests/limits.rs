//! `docs/limits.md` lists every constant of `engine/src/limits.rs`, with its value and its answer
//! when full. The table is written from the source: `UPDATE_DOCS=1 cargo test -p engine --test limits`.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

const HEAD: &str = "# Limits

Every limit of the broker, as `engine/src/limits.rs` has it: what it bounds, and what happens when
it is reached. This table is written from the source
(`UPDATE_DOCS=1 cargo test -p engine --test limits`), and a test keeps the two equal.

| Limit | Value | What it bounds, and the answer when it is full |
|---|---|---|
";

fn rows(source: &str) -> String {
    let mut rows = String::new();
    let mut words: Vec<&str> = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if let Some(doc) = line.strip_prefix("///") {
            words.extend(doc.split_whitespace());
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            let (name, rest) = constant.split_once(':').unwrap();
            let mut rest = rest.to_owned();
            while !rest.ends_with(';') {
                rest.push_str(lines.next().unwrap().trim());
            }
            let value = rest.split_once('=').unwrap().1.trim().trim_end_matches(';');
            assert!(!words.is_empty(), "{name} has no documentation");
            let text = words.join(" ").replace("[`", "`").replace("`]", "`").replace('|', "\\|");
            rows.push_str(&format!("| `{name}` | `{value}` | {text} |\n"));
            words.clear();
        } else {
            words.clear();
        }
    }
    rows
}

#[test]
fn the_page_lists_every_limit() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(engine.join("src/limits.rs")).unwrap();
    let page = engine.join("../docs/limits.md");
    let wanted = format!("{HEAD}{}", rows(&source));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap();
    assert!(
        found == wanted,
        "docs/limits.md is behind engine/src/limits.rs; \
         run: UPDATE_DOCS=1 cargo test -p engine --test limits"
    );
    let constants = source.lines().filter(|line| line.starts_with("pub const ")).count();
    assert_eq!(wanted.lines().filter(|line| line.starts_with("| `")).count(), constants);
}
