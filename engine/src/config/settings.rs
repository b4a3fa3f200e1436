//! The layers of the broker configuration: default < file < environment < command line.
//! Owns precedence, aliases and the errors that teach; `config.rs` turns the result into types.

use std::{collections::BTreeMap, path::Path};

use super::{
    error::ConfigError,
    keys::{ENV_PREFIX, Key, keys},
    value::Unit,
};

/// Where a value came from; later variants win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// The TOML file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag or `--set`.
    Flag(String),
}

impl Source {
    fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Environment(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Canonical text.
    pub value: String,
    /// Who said so.
    pub source: Source,
}

/// All broker settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    keys: Vec<Key>,
    values: BTreeMap<String, Setting>,
}

impl Default for Settings {
    fn default() -> Self {
        let keys = keys();
        let values = keys
            .iter()
            .map(|key| {
                let value = key.default.to_owned();
                (key.name.clone(), Setting { value, source: Source::Default })
            })
            .collect();
        Self { keys, values }
    }
}

impl Settings {
    /// Applies a TOML file. Tables nest freely: `[network] port = 1` is `network.port = 1`.
    pub fn apply_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let shown = path.display().to_string();
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            ConfigError::new(
                format!("{shown} is not valid TOML: {}", error.message()),
                "the configuration is one TOML file of `[section]` and `key = value` lines",
                format!("correct it, then run `ringlog config check --config {shown}`"),
            )
        })?;
        let mut flat = Vec::new();
        flatten("", &table, &mut flat)?;
        flat.iter().try_for_each(|(key, value)| self.set(key, value, Source::File(shown.clone())))
    }

    /// Applies the environment. Variables that begin with `RINGLOG_` and one of our sections must
    /// be keys of ours; others are not for us.
    pub fn apply_env(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        let mut ours: Vec<_> = variables.filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
        ours.sort();
        for (name, value) in ours {
            let key = self.keys.iter().find(|key| key.env_name() == name);
            if let Some(key) = key.map(|key| key.name.clone()) {
                self.set(&key, &value, Source::Environment(name))?;
            } else if self.is_our_section(&name) {
                let names = self.keys.iter().map(Key::env_name);
                return Err(unknown("environment variable", &name, names));
            }
        }
        Ok(())
    }

    /// Applies one `key=value` of the command line; `flag` is shown in errors.
    pub fn apply_flag(&mut self, key: &str, value: &str, flag: &str) -> Result<(), ConfigError> {
        self.set(key, value, Source::Flag(flag.to_owned()))
    }

    /// Applies `--set` in its written form.
    pub fn apply_set(&mut self, pair: &str) -> Result<(), ConfigError> {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(ConfigError::new(
                format!("--set {pair} has no '='"),
                "a setting is written key=value",
                format!("type --set {pair}=VALUE"),
            ));
        };
        self.apply_flag(key.trim(), value, "--set")
    }

    /// The setting in force; the key is one of ours.
    pub fn get(&self, name: &str) -> &Setting {
        self.values.get(name).expect("the code asks only for keys of the table")
    }

    /// The whole number in force; the key's kind is a number.
    pub fn number(&self, name: &str) -> i64 {
        self.get(name).value.parse().expect("canonical numbers parse: checked when set")
    }

    /// Whether the key is on.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).value == "true"
    }

    /// The text in force, or None when it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        Some(self.get(name).value.as_str()).filter(|text| !text.is_empty())
    }

    /// Every key with its setting, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Setting)> {
        self.keys.iter().map(|key| (key, self.get(&key.name)))
    }

    fn is_our_section(&self, env_name: &str) -> bool {
        let rest = &env_name[ENV_PREFIX.len()..];
        let section = rest.split('_').next().unwrap_or_default().to_ascii_lowercase();
        rest.len() > section.len() && self.keys.iter().any(|key| key.section() == section)
    }

    fn set(&mut self, name: &str, value: &str, source: Source) -> Result<(), ConfigError> {
        let Some((key, unit)) = self.find(name) else {
            let names = self.keys.iter().flat_map(|key| {
                let kafka = key.kafka_names.iter().map(|(name, _)| (*name).to_owned());
                kafka.chain([key.name.clone()])
            });
            return Err(unknown(&format!("setting ({source})"), name, names));
        };
        let canonical = key.kind.canonical(value, unit).map_err(|rule| {
            ConfigError::new(
                format!("{name} = {value:?} ({source}) is not usable"),
                rule,
                format!("set {name} to a value like {:?}", key.default),
            )
        })?;
        let key = key.name.clone();
        // Within a layer the last word counts.
        let wins = self.get(&key).source.rank() <= source.rank();
        if wins {
            self.values.insert(key, Setting { value: canonical, source });
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<(&Key, Unit)> {
        self.keys.iter().find_map(|key| {
            if key.name == name || key.name.replace('.', "_") == name.replace('.', "_") {
                return Some((key, Unit::Own));
            }
            let alias = key.kafka_names.iter().find(|(kafka, _)| *kafka == name);
            alias.map(|(_, unit)| (key, *unit))
        })
    }
}

fn flatten(
    prefix: &str,
    table: &toml::Table,
    flat: &mut Vec<(String, String)>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let text = match value {
            toml::Value::Table(inner) => {
                flatten(&key, inner, flat)?;
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Array(_) | toml::Value::Datetime(_) => {
                return Err(ConfigError::new(
                    format!("{key} holds a list or a date"),
                    "every setting is a text, a number, or true/false",
                    format!("write {key} = \"a,b\" for a list"),
                ));
            }
        };
        flat.push((key, text));
    }
    Ok(())
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = String>) -> ConfigError {
    let nearest = known.max_by(|a, b| {
        let (a, b) = (strsim::jaro_winkler(a, name), strsim::jaro_winkler(b, name));
        a.total_cmp(&b)
    });
    let fix = nearest.map_or_else(String::new, |near| format!("did you mean {near}? "));
    ConfigError::new(
        format!("unknown {what}: {name}"),
        "a misspelt setting would silently keep its default",
        format!("{fix}`ringlog config show` lists every key"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Settings, ConfigError> {
        let mut settings = Settings::default();
        settings.apply_file(Path::new("ringlog.toml"), text).map(|()| settings)
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let mut settings = file("[network]\nport = 1\n[node]\nid = 7\n").unwrap();
        let env = [("RINGLOG_NETWORK_PORT".to_owned(), "2".to_owned())];
        settings.apply_env(env.clone().into_iter()).unwrap();
        assert_eq!(settings.number("network.port"), 2);
        settings.apply_set("network.port=3").unwrap();
        settings.apply_env(env.into_iter()).unwrap();
        assert_eq!(settings.number("network.port"), 3);
        assert_eq!(settings.number("node.id"), 7);
        assert_eq!(settings.get("node.id").source, Source::File("ringlog.toml".to_owned()));
        assert_eq!(settings.number("topic.partitions"), 1);
    }

    #[test]
    fn kafka_names_and_units_are_accepted_everywhere() {
        let settings = file("[log]\nretention.hours = 24\n[memory]\nbytes = \"64 MiB\"\n").unwrap();
        assert_eq!(settings.number("topics.retention.ms"), 86_400_000);
        assert_eq!(settings.number("memory.bytes"), 67_108_864);
        let mut settings = Settings::default();
        settings.apply_set("log.retention.hours=1").unwrap();
        settings.apply_set("num.partitions=12").unwrap();
        settings.apply_set("auto.create.topics.enable=false").unwrap();
        settings.apply_set("storage.data_dir=/tmp/x").unwrap();
        assert_eq!(settings.number("topics.retention.ms"), 3_600_000);
        assert_eq!(settings.number("topic.partitions"), 12);
        assert!(!settings.flag("topic.auto.create"));
        assert_eq!(settings.text("storage.data.dir"), Some("/tmp/x"));
    }

    #[test]
    fn errors_say_what_why_and_the_fix() {
        let error = file("[network]\nprot = 1\n").unwrap_err();
        assert!(error.what.contains("network.prot"), "{error}");
        assert!(error.fix.contains("network.port"), "{error}");
        let error = file("[network]\nport = 70000\n").unwrap_err();
        assert!(error.why.contains("from 0 to 65535"), "{error}");
        assert!(error.what.contains("ringlog.toml"), "{error}");
        let error = file("network = [1]\n").unwrap_err();
        assert!(error.why.contains("text, a number"), "{error}");
        assert!(file("not toml").unwrap_err().what.contains("not valid TOML"));
        let mut settings = Settings::default();
        assert!(settings.apply_set("port").unwrap_err().why.contains("key=value"));
    }

    #[test]
    fn foreign_environment_variables_are_left_alone() {
        let mut settings = Settings::default();
        let pair = |name: &str| (name.to_owned(), "tcp://10.0.0.1".to_owned());
        settings.apply_env([pair("RINGLOG_PORT"), pair("HOME")].into_iter()).unwrap();
        let error = settings.apply_env([pair("RINGLOG_NETWORK_PROT")].into_iter()).unwrap_err();
        assert!(error.fix.contains("RINGLOG_NETWORK_PORT"), "{error}");
    }
}
