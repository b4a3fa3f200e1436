//! Owns the import of OpenMessaging Benchmark workload files (YAML) into this tool's settings.
//! Never runs anything.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The settings of an OMB workload that have a meaning here. Others are refused by name, so that a
/// comparison never rests on a setting that was silently ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OmbWorkload {
    #[serde(default)]
    name: Option<String>,
    topics: Option<i64>,
    partitions_per_topic: Option<i64>,
    message_size: Option<i64>,
    use_randomized_payloads: Option<bool>,
    random_bytes_ratio: Option<f64>,
    randomized_payload_pool_size: Option<i64>,
    payload_file: Option<String>,
    subscriptions_per_topic: Option<i64>,
    producers_per_topic: Option<i64>,
    consumer_per_subscription: Option<i64>,
    producer_rate: Option<f64>,
    key_distributor: Option<String>,
    #[serde(rename = "consumerBacklogSizeGB")]
    consumer_backlog_size_gb: Option<i64>,
    test_duration_minutes: Option<i64>,
    warmup_duration_minutes: Option<i64>,
}

/// Reads an OMB workload into the keys of our TOML.
pub fn import(text: &str) -> Result<toml::Table> {
    let omb: OmbWorkload = serde_yaml_ng::from_str(text).context("OpenMessaging workload")?;
    if omb.consumer_backlog_size_gb.unwrap_or(0) > 0 {
        bail!("consumerBacklogSizeGB above 0 (a drain test) is not supported");
    }
    // What these say (random bytes, from a pool) is what the filler always is.
    let _always_random = (
        &omb.name,
        omb.use_randomized_payloads,
        omb.random_bytes_ratio,
        omb.randomized_payload_pool_size,
    );
    let topics = omb.topics.unwrap_or(1);
    let mut table = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
    set("topics", topics.into());
    set("partitions", omb.partitions_per_topic.unwrap_or(1).into());
    set("producers", (omb.producers_per_topic.unwrap_or(1) * topics).into());
    set("groups", omb.subscriptions_per_topic.unwrap_or(1).max(1).into());
    let consumers = match omb.subscriptions_per_topic {
        Some(0) => 0,
        _ => omb.consumer_per_subscription.unwrap_or(1) * topics,
    };
    set("consumers", consumers.into());
    match (&omb.payload_file, omb.message_size) {
        (Some(file), _) => set("record-size", format!("@{file}").into()),
        (None, size) => set("record-size", size.unwrap_or(1024).into()),
    };
    match omb.producer_rate {
        Some(rate) if rate > 0.0 => set("rate", rate.into()),
        _ => bail!("producerRate 0 means \"find the highest rate\" there: use the search command"),
    };
    let keys = match omb.key_distributor.as_deref() {
        None | Some("NO_KEY") => "none",
        Some("KEY_ROUND_ROBIN" | "RANDOM_NANO") => "uniform",
        Some(other) => bail!("keyDistributor {other} is not known"),
    };
    set("keys", keys.into());
    set("duration", format!("{}m", omb.test_duration_minutes.unwrap_or(5)).into());
    set("warm-up", format!("{}m", omb.warmup_duration_minutes.unwrap_or(1)).into());
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{RecordSize, Workload};

    /// `workloads/1-topic-16-partitions-1kb.yaml` of openmessaging/benchmark.
    const OMB: &str = "name: 1 topic / 16 partitions / 1Kb\n\ntopics: 1\npartitionsPerTopic: 16\n\
        messageSize: 1024\npayloadFile: \"payload/payload-1Kb.data\"\nsubscriptionsPerTopic: 1\n\
        consumerPerSubscription: 1\nproducersPerTopic: 1\nproducerRate: 50000\n\
        consumerBacklogSizeGB: 0\ntestDurationMinutes: 15\n";

    #[test]
    fn a_published_workload_is_imported() {
        let workload: Workload = import(OMB).unwrap().try_into().unwrap();
        workload.check().unwrap();
        assert_eq!(workload.partitions, 16);
        assert_eq!(workload.rate.0, [50_000.0]);
        assert_eq!(workload.record_size, RecordSize::File("payload/payload-1Kb.data".into()));
        assert_eq!(workload.duration.0.as_secs(), 900);
        assert_eq!(workload.consumers, 1);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (line, reason) in [
            ("producerRate: 0", "search"),
            ("producerRate: 5\nconsumerBacklogSizeGB: 100", "drain"),
            ("producerRate: 5\nkeyDistributor: ODD", "ODD"),
            ("producerRate: 5\nnoSuch: 1", "noSuch"),
        ] {
            let error = format!("{:#}", import(line).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
