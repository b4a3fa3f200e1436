//! Owns how kernel files show their value, so that "the same value" is decided by meaning: the kernel
//! shows `[none] mq-deadline` after `none` was written and `00000003` after `3`.

use serde::{Deserialize, Serialize};

use crate::cpuset::CpuSet;

/// The way a file shows what was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Words, compared with white space normalised (`a\tb` is `a b`).
    Words,
    /// All choices, the current one in brackets.
    Choice,
    /// A CPU list, `0-3,8`.
    CpuList,
    /// A CPU mask, `00000000,00000003`.
    CpuMask,
    /// A whole configuration file.
    Text,
}

impl Form {
    /// The value a shown text stands for, ready to be written back.
    pub fn value(self, shown: &str) -> String {
        match self {
            Self::Words => shown.split_whitespace().collect::<Vec<_>>().join(" "),
            Self::Choice => chosen(shown).unwrap_or(shown.trim()).to_owned(),
            Self::CpuList => {
                shown.parse::<CpuSet>().map_or_else(|_| shown.to_owned(), |set| set.to_string())
            }
            Self::CpuMask => {
                CpuSet::from_mask(shown).map_or_else(|| shown.to_owned(), |set| set.mask())
            }
            Self::Text => shown.trim_end().to_owned(),
        }
    }

    /// Whether two shown texts stand for the same value.
    pub fn same(self, left: &str, right: &str) -> bool {
        self.value(left) == self.value(right)
    }

    /// Whether `value` can be written to a file that shows `shown`.
    pub fn offers(self, shown: &str, value: &str) -> bool {
        self != Self::Choice || choices(shown).any(|choice| choice == value)
    }
}

fn chosen(shown: &str) -> Option<&str> {
    let start = shown.find('[')? + 1;
    let length = shown[start..].find(']')?;
    Some(&shown[start..start + length])
}

fn choices(shown: &str) -> impl Iterator<Item = &str> {
    shown.split_whitespace().map(|word| word.trim_matches(['[', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_meaning() {
        assert!(Form::Choice.same("none [mq-deadline] kyber", "mq-deadline"));
        assert!(Form::CpuMask.same("00000000,00000003", "3"));
        assert!(Form::CpuList.same("0,1", "0-1"));
        assert!(Form::Words.same("287901\t383868\t575802", "287901 383868 575802"));
        assert!(!Form::Words.same("1", "2"));
        assert!(Form::Choice.offers("none [mq-deadline]", "none"));
        assert!(!Form::Choice.offers("[none]", "kyber"));
    }
}
