//! Owns the topics of a run: creates what was asked for, remembers exactly what it created, and
//! deletes that and nothing else. Never touches a topic it found.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::control::{Client, NewTopic};
use crate::nav::Map;
use crate::workload::Workload;

/// How long a new topic may take until all partitions have leaders.
const LEADERS_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout of each control request.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);

/// The topics of a run; those it created are deleted when this is dropped.
#[derive(Debug)]
pub struct Topics {
    bootstrap: String,
    /// All topics under load.
    pub names: Vec<String>,
    created: Vec<String>,
    keep: bool,
}

impl Topics {
    /// Finds or creates the topics. A topic that is named and exists is used as it is; one that is
    /// named and does not exist is created.
    pub fn prepare(client: &mut Client, workload: &Workload, run_id: u32) -> Result<Topics> {
        let names = match &workload.topic {
            Some(name) => vec![name.clone()],
            None => (0..workload.topics).map(|i| format!("loadgen-{run_id:08x}-{i}")).collect(),
        };
        let mut topics = Topics {
            bootstrap: workload.bootstrap.clone(),
            names,
            created: Vec::new(),
            keep: workload.keep_topics,
        };
        for name in topics.names.clone() {
            if workload.topic.is_some() && exists(client, &name)? {
                continue;
            }
            client
                .create_topic(&NewTopic {
                    name: &name,
                    partitions: workload.partitions,
                    replication: workload.replication,
                    config: &workload.topic_config,
                })
                .with_context(|| format!("topic {name} does not exist and cannot be created"))?;
            topics.created.push(name);
        }
        Ok(topics)
    }

    /// The map of the topics once every partition has a leader.
    pub fn map(&self, client: &mut Client) -> Result<Map> {
        let until = Instant::now() + LEADERS_TIMEOUT;
        loop {
            let found = client
                .metadata(&self.names)
                .map_err(anyhow::Error::from)
                .and_then(|answer| Map::read(&self.names, &answer));
            let why = match found {
                Ok(map) if map.leaders.iter().all(Option::is_some) && !map.leaders.is_empty() => {
                    return Ok(map);
                }
                Ok(_) => anyhow::anyhow!("a partition has no leader"),
                Err(error) => error,
            };
            if Instant::now() > until {
                return Err(why.context("the topics did not become ready in 30 s"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Names that this run created.
    pub fn created(&self) -> &[String] {
        &self.created
    }

    /// Deletes what was created. Errors name what is left behind.
    pub fn remove(&mut self) -> Result<()> {
        if self.keep || self.created.is_empty() {
            return Ok(());
        }
        let mut client = Client::connect_any(&self.bootstrap, CONTROL_TIMEOUT)?;
        let mut left = BTreeMap::new();
        for name in std::mem::take(&mut self.created) {
            if let Err(error) = client.delete_topic(&name) {
                left.insert(name, error.to_string());
            }
        }
        if left.is_empty() { Ok(()) } else { bail!("topics left behind: {left:?}") }
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        // The explicit call reports; this one is for early returns, where the first error counts.
        self.remove().ok();
    }
}

fn exists(client: &mut Client, name: &str) -> Result<bool> {
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    let answer = client.metadata(&[name.to_owned()])?;
    let Some(topic) = answer.topics.first() else { return Ok(false) };
    match topic.error_code {
        0 => Ok(true),
        UNKNOWN_TOPIC_OR_PARTITION => Ok(false),
        code => bail!("topic {name}: {}", crate::wire::error_name(code)),
    }
}
