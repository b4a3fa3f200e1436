//! Kinds of setting values: parse humane text ("64 MiB", "30s") into the canonical text that is
//! stored, shown and sent to clients. Knows no key.

use std::time::Duration;

use bytesize::ByteSize;

/// What a setting may hold. Bounds are inclusive; a minimum of -1 means "-1 switches it off".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A number of bytes: plain, or with a unit as in "64 MiB".
    Bytes {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A time in milliseconds: plain, or with a unit as in "30s" or "7 days".
    Ms {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A fraction from 0 to 1.
    Ratio,
    /// One of the listed words.
    Choice(&'static [&'static str]),
    /// Listed words, separated by commas.
    List(&'static [&'static str]),
    /// Any text.
    Text,
}

/// How many milliseconds a plain number means under an alias such as `log.retention.hours`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The canonical unit of the key itself.
    Own,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl Unit {
    fn factor(self) -> i64 {
        match self {
            Self::Own => 1,
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
        }
    }
}

impl Kind {
    /// Checks `text` and returns its canonical form (plain numbers, no units), or the rule it
    /// breaks.
    pub fn canonical(self, text: &str, unit: Unit) -> Result<String, String> {
        let text = text.trim();
        match self {
            Self::Text => Ok(text.to_owned()),
            Self::Bool => match text.to_ascii_lowercase().as_str() {
                "true" => Ok("true".to_owned()),
                "false" => Ok("false".to_owned()),
                _ => Err(self.rule()),
            },
            Self::Ratio => match text.parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio.to_string()),
                _ => Err(self.rule()),
            },
            Self::Choice(words) => find_word(words, text).ok_or_else(|| self.rule()),
            Self::List(words) => text
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .map(|word| find_word(words, word))
                .collect::<Option<Vec<_>>>()
                .map(|found| found.join(","))
                .ok_or_else(|| self.rule()),
            Self::Int { min, max } => self.bounded(text.parse().ok(), min, max),
            Self::Bytes { min, max } => self.bounded(parse_bytes(text), min, max),
            Self::Ms { min, max } => self.bounded(parse_ms(text, unit), min, max),
        }
    }

    /// The rule in one sentence, for errors and documentation.
    pub fn rule(self) -> String {
        match self {
            Self::Text => "any text".to_owned(),
            Self::Bool => "must be true or false".to_owned(),
            Self::Ratio => "must be a number from 0 to 1".to_owned(),
            Self::Choice(words) => format!("must be one of: {}", words.join(", ")),
            Self::List(words) => {
                format!("must be a comma-separated list of: {}", words.join(", "))
            }
            Self::Int { min, max } => format!("must be a whole number {}", range(min, max)),
            Self::Bytes { min, max } => format!(
                "must be a number of bytes {}, plain or with a unit such as \"64 MiB\"",
                range(min, max)
            ),
            Self::Ms { min, max } => format!(
                "must be a time in milliseconds {}, or with a unit such as \"30s\" or \"7 days\"",
                range(min, max)
            ),
        }
    }

    fn bounded(self, value: Option<i64>, min: i64, max: i64) -> Result<String, String> {
        match value {
            Some(value) if (min..=max).contains(&value) => Ok(value.to_string()),
            _ => Err(self.rule()),
        }
    }
}

fn range(min: i64, max: i64) -> String {
    if max == i64::MAX {
        format!("of at least {min}{}", if min == -1 { " (-1 switches it off)" } else { "" })
    } else {
        format!("from {min} to {max}")
    }
}

fn find_word(words: &[&str], text: &str) -> Option<String> {
    words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| (*word).to_owned())
}

fn parse_bytes(text: &str) -> Option<i64> {
    if let Ok(plain) = text.parse::<i64>() {
        return Some(plain);
    }
    let size: ByteSize = text.parse().ok()?;
    i64::try_from(size.as_u64()).ok()
}

fn parse_ms(text: &str, unit: Unit) -> Option<i64> {
    if let Ok(plain) = text.parse::<i64>() {
        return if plain < 0 { Some(plain) } else { plain.checked_mul(unit.factor()) };
    }
    let duration: Duration = humantime::parse_duration(text).ok()?;
    i64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: Kind = Kind::Bytes { min: -1, max: i64::MAX };
    const MS: Kind = Kind::Ms { min: -1, max: i64::MAX };

    #[test]
    fn units_become_plain_numbers() {
        assert_eq!(BYTES.canonical("64 MiB", Unit::Own).unwrap(), "67108864");
        assert_eq!(BYTES.canonical("1GB", Unit::Own).unwrap(), "1000000000");
        assert_eq!(BYTES.canonical("-1", Unit::Own).unwrap(), "-1");
        assert_eq!(MS.canonical("30s", Unit::Own).unwrap(), "30000");
        assert_eq!(MS.canonical("7 days", Unit::Own).unwrap(), "604800000");
        assert_eq!(MS.canonical("1h 30m", Unit::Own).unwrap(), "5400000");
        assert_eq!(MS.canonical("24", Unit::Hours).unwrap(), "86400000");
        assert_eq!(MS.canonical("-1", Unit::Hours).unwrap(), "-1");
        assert_eq!(MS.canonical(&i64::MAX.to_string(), Unit::Own).unwrap(), i64::MAX.to_string());
    }

    #[test]
    fn values_outside_the_rule_are_refused_with_the_rule() {
        let port = Kind::Int { min: 0, max: 65535 };
        assert_eq!(port.canonical("70000", Unit::Own), Err(port.rule()));
        assert!(port.rule().contains("from 0 to 65535"));
        assert!(BYTES.canonical("64 potatoes", Unit::Own).is_err());
        assert!(MS.canonical("9999999999999999", Unit::Hours).is_err());
        assert!(Kind::Bool.canonical("yes", Unit::Own).is_err());
        assert!(Kind::Ratio.canonical("1.5", Unit::Own).is_err());
    }

    #[test]
    fn words_take_the_listed_spelling() {
        let kind = Kind::Choice(&["CreateTime", "LogAppendTime"]);
        assert_eq!(kind.canonical("logappendtime", Unit::Own).unwrap(), "LogAppendTime");
        let list = Kind::List(&["delete", "compact"]);
        assert_eq!(list.canonical("compact, delete", Unit::Own).unwrap(), "compact,delete");
        assert!(list.canonical("shred", Unit::Own).is_err());
    }
}
