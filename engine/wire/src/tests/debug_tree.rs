//! Reads the `Debug` output of messages into trees, so that two codecs' structs compare by field
//! name. Equal bytes would not notice two fields of one type that changed places.

use std::collections::BTreeMap;

use crate::Uuid;

/// Fields of versions that the other codec lacks.
const ONLY_OURS: [&str; 4] =
    ["max_num_offsets", "old_style_offsets", "commit_timestamp", "is_default"];

#[derive(Debug)]
pub(super) enum Tree {
    Structure(BTreeMap<String, Tree>),
    List(Vec<Tree>),
    Leaf(String),
}

impl Tree {
    /// `debug` is what `#[derive(Debug)]` prints. `Some(x)` and other wrappers of one value read
    /// as that value.
    pub(super) fn parse(debug: &str) -> Self {
        let mut parser = Parser { rest: debug };
        let tree = parser.tree();
        assert_eq!(parser.rest, "", "all of {debug} is read");
        tree
    }

    /// Where `self` and `other` differ, if they do.
    pub(super) fn difference(&self, other: &Self, at: &str) -> Option<String> {
        match (self, other) {
            // Fields that only they have belong to versions that only they have.
            (Self::Structure(ours), Self::Structure(theirs)) => {
                ours.iter().find_map(|(name, ours)| match theirs.get(name) {
                    Some(theirs) => ours.difference(theirs, &format!("{at}.{name}")),
                    None if ONLY_OURS.contains(&name.as_str()) => None,
                    None => Some(format!("{at}.{name} does not exist there")),
                })
            }
            (Self::List(ours), Self::List(theirs)) if ours.len() == theirs.len() => {
                let mut pairs = ours.iter().zip(theirs).enumerate();
                pairs.find_map(|(i, (ours, theirs))| ours.difference(theirs, &format!("{at}[{i}]")))
            }
            (Self::Leaf(ours), Self::Leaf(theirs)) if same(ours, theirs) => None,
            // A nullable field that the version lacks is null here, empty there. One that it has
            // cannot end up here unnoticed: the bytes would differ.
            (Self::Leaf(ours), Self::Leaf(theirs)) if ours == "None" && theirs == "\"\"" => None,
            (Self::Leaf(ours), Self::List(theirs)) if ours == "None" && theirs.is_empty() => None,
            _ => Some(format!("{at}: {self:?} here, {other:?} there")),
        }
    }
}

/// Equal, or the same id in Kafka's and in the usual notation, or record sets (whose content the
/// comparison of bytes covers: ours print only their length).
fn same(ours: &str, theirs: &str) -> bool {
    let id = || {
        let Uuid(bytes) = ours.parse().ok()?;
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        Some(hex == theirs.replace('-', ""))
    };
    ours == theirs || id() == Some(true) || (ours.ends_with(" bytes") && theirs.starts_with("b\""))
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn tree(&mut self) -> Tree {
        match self.rest.chars().next() {
            Some('[') => self.list(),
            Some('"') => Tree::Leaf(self.quoted()),
            _ if self.rest.starts_with("b\"") => {
                self.take("b");
                Tree::Leaf(format!("b{}", self.quoted()))
            }
            _ => self.word(),
        }
    }

    fn list(&mut self) -> Tree {
        let mut elements = vec![];
        self.take("[");
        while !self.takes("]") {
            elements.push(self.tree());
            self.takes(", ");
        }
        Tree::List(elements)
    }

    /// A number or id, `None`, `Name(value)` or `Name { field: value, .. }`.
    fn word(&mut self) -> Tree {
        let end = self.rest.find([',', ')', ']', '}', '(', '{']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let word = word.trim();
        if rest.starts_with('(') {
            self.rest = rest;
            self.take("(");
            let tree = self.tree();
            self.take(")");
            return tree;
        }
        if rest.starts_with('{') {
            self.rest = rest;
            return self.structure();
        }
        self.rest = &self.rest[self.rest.find(word).expect("found above") + word.len()..];
        Tree::Leaf(word.to_owned())
    }

    fn structure(&mut self) -> Tree {
        let mut fields = BTreeMap::new();
        self.take("{");
        self.takes(" ");
        while !self.takes("}") {
            let (name, rest) = self.rest.split_once(": ").expect("a field");
            self.rest = rest;
            // Words of Rust: `r#match` here (printed without `r#`), `_match` there.
            let name = name.trim_start_matches('_');
            if name == "unknown_tagged_fields" {
                self.take("{}");
            } else {
                let clash = fields.insert(name.to_owned(), self.tree());
                assert!(clash.is_none());
            }
            self.takes(",");
            self.takes(" ");
        }
        Tree::Structure(fields)
    }

    fn quoted(&mut self) -> String {
        let mut escaped = false;
        let end = self.rest[1..]
            .find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })
            .expect("a closing quote");
        let (text, rest) = self.rest.split_at(end + 2);
        self.rest = rest;
        text.to_owned()
    }

    fn take(&mut self, token: &str) {
        assert!(self.takes(token), "{token} before {}", self.rest);
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[test]
fn finds_two_fields_that_changed_places() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "only printed")]
    struct Pair {
        a: i32,
        b: Option<&'static str>,
    }
    let ours = Tree::parse(&format!("{:?}", [Pair { a: 1, b: Some("x, \"}") }]));
    let same = Tree::parse("[Other { b: Name(\"x, \\\"}\"), a: 1, unknown_tagged_fields: {} }]");
    let swapped = Tree::parse("[Other { a: \"x\", b: 1 }]");
    assert_eq!(ours.difference(&same, ""), None);
    let difference = ours.difference(&swapped, "").unwrap();
    assert!(difference.starts_with("[0].a: "), "{difference}");
}
