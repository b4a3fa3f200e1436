//! `meta.properties`: whose data folder this is. Java properties text, as Kafka writes it:
//!
//! ```text
//! #
//! #Wed Nov 25 12:00:00 UTC 2026
//! cluster.id=Zl3gGBQyQwiJ0Yg2XSU1bA
//! directory.id=4P1mEp1xT0y7vB3Dh1rEfA
//! node.id=1
//! version=1
//! ```

use crate::error::FormatError;

/// File name, in the data folder.
pub const META_PROPERTIES: &str = "meta.properties";

/// The only version that is written and read. Version 0 has `broker.id` and no cluster (KIP-631).
const VERSION: &str = "1";

/// Identity of a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster's id: 22 characters of URL-safe base64.
    pub cluster_id: String,
    /// The node's id.
    pub node_id: i32,
    /// The folder's own id (KIP-858): 22 characters of URL-safe base64.
    pub directory_id: Option<String>,
}

impl MetaProperties {
    /// The text of the file.
    pub fn encode(&self) -> String {
        let directory = match &self.directory_id {
            None => String::new(),
            Some(id) => format!("directory.id={id}\n"),
        };
        let Self { cluster_id, node_id, .. } = self;
        format!("#\ncluster.id={cluster_id}\n{directory}node.id={node_id}\nversion={VERSION}\n")
    }

    /// Reads the text of the file. Unknown keys are ignored, as Kafka does.
    pub fn decode(text: &str) -> Result<Self, FormatError> {
        let get = |name: &str| {
            text.lines()
                .map(str::trim)
                .filter(|line| !line.starts_with(['#', '!']))
                .filter_map(|line| line.split_once(['=', ':']))
                .rfind(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim())
        };
        if get("version") != Some(VERSION) {
            return Err(FormatError::Malformed("meta.properties: version is not 1"));
        }
        let cluster_id = get("cluster.id").filter(|id| !id.is_empty());
        let node_id = get("node.id").and_then(|id| id.parse().ok()).filter(|id| *id >= 0);
        Ok(Self {
            cluster_id: cluster_id
                .ok_or(FormatError::Malformed("meta.properties: cluster.id is missing"))?
                .to_owned(),
            node_id: node_id
                .ok_or(FormatError::Malformed("meta.properties: node.id is missing"))?,
            directory_id: get("directory.id").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_kafkas_own() {
        let ours = MetaProperties {
            cluster_id: "Zl3gGBQyQwiJ0Yg2XSU1bA".to_owned(),
            node_id: 7,
            directory_id: Some("4P1mEp1xT0y7vB3Dh1rEfA".to_owned()),
        };
        assert_eq!(MetaProperties::decode(&ours.encode()).unwrap(), ours);
        let kafkas = "#\n#Wed Nov 25 12:00:00 UTC 2026\ncluster.id=Zl3gGBQyQwiJ0Yg2XSU1bA\n\
                      directory.id=4P1mEp1xT0y7vB3Dh1rEfA\nnode.id=7\nversion=1\n";
        assert_eq!(MetaProperties::decode(kafkas).unwrap(), ours);
        let plain = MetaProperties { directory_id: None, ..ours };
        assert_eq!(MetaProperties::decode(&plain.encode()).unwrap(), plain);
    }

    #[test]
    fn other_versions_and_missing_keys_are_refused() {
        for text in [
            "",
            "version=0\nbroker.id=1\n",
            "version=2\ncluster.id=a\nnode.id=1\n",
            "version=1\nnode.id=1\n",
            "version=1\ncluster.id=a\n",
            "version=1\ncluster.id=a\nnode.id=x\n",
        ] {
            assert!(MetaProperties::decode(text).is_err(), "{text:?}");
        }
    }
}
