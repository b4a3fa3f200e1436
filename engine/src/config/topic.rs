//! The settings of one topic: its own overrides over the broker's defaults, checked, typed, and
//! described with source and synonyms as DescribeConfigs wants them. Stores nothing.

use std::collections::BTreeMap;

use super::{
    settings::{Settings, Source},
    topic_keys::{TOPIC_KEYS, TopicKey, topic_key},
    value::Unit,
};

/// A topic's own settings: Kafka's name to canonical text.
pub type TopicOverrides = BTreeMap<String, String>;

/// Which time a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, at append.
    LogAppendTime,
}

/// All settings of a topic, typed and in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// `retention.ms`; None: no limit.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; None: no limit.
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `max.message.bytes`.
    pub message_bytes_max: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_ms_max: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_ms_max: i64,
    /// `min.insync.replicas`.
    pub insync_replicas_min: u32,
    /// `flush.messages`; 1: acks=1 means stable storage.
    pub flush_messages: u64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
}

/// Which layer a setting comes from, as DescribeConfigs names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set for the broker in its file, environment or flags.
    Broker,
    /// Built in.
    Default,
}

/// One synonym: where else the value could come from, strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// Kafka's name in that layer.
    pub name: &'static str,
    /// The value there.
    pub value: String,
    /// The layer.
    pub source: ConfigSource,
}

/// One described setting.
#[derive(Clone, Debug)]
pub struct Described {
    /// The row of the table: name, type, documentation.
    pub key: &'static TopicKey,
    /// The value in force.
    pub value: String,
    /// Its layer.
    pub source: ConfigSource,
    /// All layers that have a value, strongest first.
    pub synonyms: Vec<Synonym>,
}

impl TopicConfig {
    /// The settings in force for a topic with `overrides`.
    ///
    /// # Panics
    /// Never for overrides that went through [`check_override`].
    pub fn resolve(broker: &Settings, overrides: &TopicOverrides) -> Self {
        let number = |name: &str| -> i64 {
            let own = overrides.get(name).cloned();
            let text = own.unwrap_or_else(|| broker.get(&broker_key(name)).value.clone());
            text.parse().expect("canonical numbers parse: checked when set")
        };
        let timestamp_type = overrides
            .get("message.timestamp.type")
            .unwrap_or(&broker.get(&broker_key("message.timestamp.type")).value)
            .clone();
        Self {
            retention_ms: Some(number("retention.ms")).filter(|ms| *ms >= 0),
            retention_bytes: u64::try_from(number("retention.bytes")).ok(),
            segment_bytes: unsigned(number("segment.bytes")),
            segment_ms: number("segment.ms"),
            message_bytes_max: narrow(number("max.message.bytes")),
            timestamp_type: if timestamp_type == "LogAppendTime" {
                TimestampType::LogAppendTime
            } else {
                TimestampType::CreateTime
            },
            timestamp_before_ms_max: number("message.timestamp.before.max.ms"),
            timestamp_after_ms_max: number("message.timestamp.after.max.ms"),
            insync_replicas_min: narrow(number("min.insync.replicas")),
            flush_messages: unsigned(number("flush.messages")),
            flush_ms: number("flush.ms"),
            index_interval_bytes: narrow(number("index.interval.bytes")),
            delete_retention_ms: number("delete.retention.ms"),
        }
    }

    /// Whether an acknowledged record is on stable storage.
    pub fn is_durable(&self) -> bool {
        self.flush_messages == 1
    }
}

/// Checks one override and returns its canonical value, or a sentence for the client.
pub fn check_override(name: &str, value: &str) -> Result<String, String> {
    let Some(key) = topic_key(name) else {
        return Err(format!("Unknown topic config name: {name}"));
    };
    let canonical = key
        .kind
        .canonical(value, Unit::Own)
        .map_err(|rule| format!("Invalid value {value:?} for configuration {name}: {rule}"))?;
    refuse_what_is_not_offered(name, &canonical)?;
    Ok(canonical)
}

/// Describes all settings of a topic, in name order.
pub fn describe(broker: &Settings, overrides: &TopicOverrides) -> Vec<Described> {
    TOPIC_KEYS
        .iter()
        .map(|key| {
            let synonyms = synonyms(broker, overrides, key);
            let strongest = synonyms.first().expect("the default is always there");
            Described { key, value: strongest.value.clone(), source: strongest.source, synonyms }
        })
        .collect()
}

/// Checks the broker's own defaults for topics with the rules a topic's overrides obey.
pub(super) fn check_defaults(broker: &Settings) -> Result<(), (String, String)> {
    TOPIC_KEYS.iter().try_for_each(|key| {
        let name = broker_key(key.name);
        let value = &broker.get(&name).value;
        refuse_what_is_not_offered(key.name, value)
            .map_err(|why| (format!("{name} = {value}"), why))
    })
}

fn synonyms(broker: &Settings, overrides: &TopicOverrides, key: &'static TopicKey) -> Vec<Synonym> {
    let mut found = Vec::with_capacity(3);
    if let Some(value) = overrides.get(key.name) {
        found.push(Synonym { name: key.name, value: value.clone(), source: ConfigSource::Topic });
    }
    let broker_name = key.broker_names[0].0;
    let setting = broker.get(&broker_key(key.name));
    if setting.source != Source::Default {
        let value = setting.value.clone();
        found.push(Synonym { name: broker_name, value, source: ConfigSource::Broker });
    }
    let value = key.default.to_owned();
    found.push(Synonym { name: broker_name, value, source: ConfigSource::Default });
    found
}

fn broker_key(topic_name: &str) -> String {
    format!("topics.{topic_name}")
}

/// Values that Kafka knows and we do not offer: refused in words, never accepted in silence.
fn refuse_what_is_not_offered(name: &str, value: &str) -> Result<(), String> {
    match name {
        "cleanup.policy" if value.contains("compact") => {
            Err("cleanup.policy=compact is not offered yet: nothing would be compacted. \
             Use cleanup.policy=delete"
                .to_owned())
        }
        "cleanup.policy" if value.is_empty() => {
            Err("cleanup.policy must name a policy; use delete".to_owned())
        }
        "compression.type" if value != "producer" => Err(format!(
            "compression.type={value} is not offered: batches stay as the producer compressed \
             them. Use compression.type=producer and set the codec in the producer"
        )),
        "unclean.leader.election.enable" if value == "true" => {
            Err("unclean.leader.election.enable=true is not offered: it would lose acknowledged \
             records. Leave it false"
                .to_owned())
        }
        _ => Ok(()),
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).expect("the table's minimum is not negative")
}

fn narrow<T: TryFrom<i64>>(number: i64) -> T {
    T::try_from(number).ok().expect("the table's bounds fit the type")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(pairs: &[(&str, &str)]) -> TopicOverrides {
        let checked = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), check_override(name, value).unwrap())
        };
        pairs.iter().map(checked).collect()
    }

    #[test]
    fn defaults_are_kafkas_except_durability() {
        let config = TopicConfig::resolve(&Settings::default(), &TopicOverrides::new());
        assert_eq!(config.retention_ms, Some(604_800_000));
        assert_eq!(config.retention_bytes, None);
        assert_eq!(config.segment_bytes, 1 << 30);
        assert_eq!(config.message_bytes_max, 1_048_588);
        assert_eq!(config.timestamp_type, TimestampType::CreateTime);
        assert!(config.is_durable());
    }

    #[test]
    fn topic_beats_broker_beats_default_and_synonyms_say_so() {
        let mut broker = Settings::default();
        broker.apply_set("log.retention.hours=1").unwrap();
        let own =
            overrides(&[("retention.ms", "5000"), ("message.timestamp.type", "LogAppendTime")]);
        let config = TopicConfig::resolve(&broker, &own);
        assert_eq!(config.retention_ms, Some(5000));
        assert_eq!(config.timestamp_type, TimestampType::LogAppendTime);
        let described = describe(&broker, &own);
        let retention = described.iter().find(|row| row.key.name == "retention.ms").unwrap();
        let layers: Vec<_> =
            retention.synonyms.iter().map(|s| (s.name, s.value.as_str(), s.source)).collect();
        assert_eq!(
            layers,
            [
                ("retention.ms", "5000", ConfigSource::Topic),
                ("log.retention.ms", "3600000", ConfigSource::Broker),
                ("log.retention.ms", "604800000", ConfigSource::Default),
            ]
        );
        let segment = described.iter().find(|row| row.key.name == "segment.bytes").unwrap();
        assert_eq!(segment.source, ConfigSource::Default);
    }

    #[test]
    fn what_is_not_offered_is_refused_in_words() {
        for (name, value, word) in [
            ("cleanup.policy", "compact", "not offered yet"),
            ("cleanup.policy", "compact,delete", "not offered yet"),
            ("compression.type", "zstd", "producer"),
            ("unclean.leader.election.enable", "true", "acknowledged"),
            ("retention.ms", "-2", "at least -1"),
            ("no.such.thing", "1", "Unknown topic config name"),
            ("segment.bytes", "14", "16384"),
        ] {
            let error = check_override(name, value).unwrap_err();
            assert!(error.contains(word), "{name}={value}: {error}");
        }
        assert_eq!(check_override("compression.type", "producer").as_deref(), Ok("producer"));
    }
}
