//! Owns the blocking connection for everything that is not timed: versions, metadata, topics,
//! offsets, producer ids, settings. Never used for load.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, BrokerId, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    InitProducerIdRequest, ListOffsetsRequest, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};

use crate::units::to_i32;
use crate::wire;

/// What can go wrong between this tool and a broker, in words an operator can act on.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ControlError {
    #[error("{address} is not an address ({cause}); write host:port, for example 127.0.0.1:9092")]
    Address { address: String, cause: io::Error },
    #[error("cannot reach {address}: {cause}. Is a broker listening there?")]
    Unreachable { address: String, cause: io::Error },
    #[error(
        "{address} did not answer {api} within {timeout:?}: the broker is slow or hangs, or this is not Kafka's protocol"
    )]
    Slow { address: String, api: &'static str, timeout: Duration },
    #[error(
        "{address} closed the connection on {api}; it probably requires authentication (SASL) or TLS, which this tool does not speak: use a PLAINTEXT listener"
    )]
    Refused { address: String, api: &'static str },
    #[error("connection to {address} broke during {api}: {cause}")]
    Broken { address: String, api: &'static str, cause: io::Error },
    #[error("{address} answered {api} with something else than Kafka's protocol: {reason:#}")]
    Garbled { address: String, api: &'static str, reason: anyhow::Error },
    #[error(
        "{address} does not offer {api} in a version that this tool speaks (ours {ours:?}, broker {theirs:?})"
    )]
    Version { address: String, api: &'static str, ours: (i16, i16), theirs: Option<(i16, i16)> },
    #[error("{api} failed for {what}: {name}{detail}")]
    Broker { api: &'static str, what: String, code: i16, name: String, detail: String },
}

type Result<T> = std::result::Result<T, ControlError>;

/// Offset request for "the end" and "the beginning" of a partition.
pub const LATEST: i64 = -1;
/// See [`LATEST`].
pub const EARLIEST: i64 = -2;

/// One connection, one request at a time.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    address: String,
    timeout: Duration,
    versions: BTreeMap<i16, (i16, i16)>,
    correlation_id: i32,
    /// The broker answered something that it would not answer without authentication.
    admitted: bool,
}

/// A topic to create.
#[derive(Debug)]
pub struct NewTopic<'a> {
    /// Name.
    pub name: &'a str,
    /// Partition count.
    pub partitions: usize,
    /// Replication factor; -1 for the broker's default.
    pub replication: i16,
    /// Settings under Kafka's names.
    pub config: &'a BTreeMap<String, String>,
}

/// A setting as the broker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name of it.
    pub name: String,
    /// Its value, unless secret.
    pub value: Option<String>,
    /// Kafka's code of where it comes from; 5 is the built-in default.
    pub source: i8,
}

/// Finds the socket address of `host:port`.
pub fn resolve(address: &str) -> Result<SocketAddr> {
    let fail = |cause| ControlError::Address { address: address.to_owned(), cause };
    // IPv4 first: brokers on `localhost` commonly listen there only.
    let mut found: Vec<SocketAddr> = address.to_socket_addrs().map_err(fail)?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| fail(io::Error::other("no address")))
}

impl Client {
    /// Connects to the first of the comma-separated `bootstrap` addresses that answers.
    pub fn connect_any(bootstrap: &str, timeout: Duration) -> Result<Client> {
        let mut last = None;
        for address in bootstrap.split(',').map(str::trim).filter(|a| !a.is_empty()) {
            match Client::connect(address, timeout) {
                Ok(client) => return Ok(client),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| ControlError::Address {
            address: bootstrap.to_owned(),
            cause: io::Error::other("empty"),
        }))
    }

    /// Connects and asks which versions the broker speaks.
    pub fn connect(address: &str, timeout: Duration) -> Result<Client> {
        let socket = resolve(address)?;
        let unreachable = |cause| ControlError::Unreachable { address: address.to_owned(), cause };
        let stream = TcpStream::connect_timeout(&socket, timeout).map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream.set_read_timeout(Some(timeout)).map_err(unreachable)?;
        stream.set_write_timeout(Some(timeout)).map_err(unreachable)?;
        let mut client = Client {
            stream,
            address: address.to_owned(),
            timeout,
            versions: BTreeMap::from([(ApiVersionsRequest::KEY, (0, 0))]),
            correlation_id: 0,
            admitted: false,
        };
        let answer = client.call(&ApiVersionsRequest::default())?;
        client.broker_ok("ApiVersions", address, answer.error_code, None)?;
        for api in answer.api_keys {
            client.versions.insert(api.api_key, (api.min_version, api.max_version));
        }
        // Version 3 and up are flexible; their outline is not spoken here.
        client.versions.insert(ApiVersionsRequest::KEY, (0, 0));
        Ok(client)
    }

    /// The version of `R` that both sides speak.
    pub fn version<R: Request>(&self) -> Result<i16> {
        let ours = wire::spoken(R::KEY);
        let theirs = self.versions.get(&R::KEY).copied();
        match theirs {
            Some((min, max)) if ours.1.min(max) >= ours.0.max(min) => Ok(ours.1.min(max)),
            _ => Err(ControlError::Version {
                address: self.address.clone(),
                api: wire::api_name(R::KEY),
                ours,
                theirs,
            }),
        }
    }

    /// The broker's version ranges by API name, for the record.
    pub fn versions(&self) -> BTreeMap<String, String> {
        self.versions
            .iter()
            .map(|(key, (min, max))| {
                let name = match wire::api_name(*key) {
                    "unknown API" => format!("API {key}"),
                    name => name.to_owned(),
                };
                (name, format!("{min}-{max}"))
            })
            .collect()
    }

    /// Sends a request and waits for its response.
    pub fn call<R: Request>(&mut self, request: &R) -> Result<R::Response> {
        let version = self.version::<R>()?;
        let api = wire::api_name(R::KEY);
        self.correlation_id += 1;
        let mut frame = Vec::new();
        let garbled = |address: &str, reason| ControlError::Garbled {
            address: address.to_owned(),
            api,
            reason,
        };
        wire::encode_request(&mut frame, request, version, self.correlation_id)
            .map_err(|reason| garbled(&self.address, reason))?;
        self.stream.write_all(&frame).map_err(|error| self.broken(api, error))?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).map_err(|error| self.broken(api, error))?;
        let bytes = wire::frame_bytes(size).map_err(|reason| garbled(&self.address, reason))?;
        let mut body = vec![0; bytes];
        self.stream.read_exact(&mut body).map_err(|error| self.broken(api, error))?;
        let answered =
            wire::correlation_id(&body).map_err(|reason| garbled(&self.address, reason))?;
        if answered != self.correlation_id {
            let reason = anyhow::anyhow!("correlation id {answered} for {}", self.correlation_id);
            return Err(garbled(&self.address, reason));
        }
        let answer = wire::decode_response::<R>(&body, version)
            .map_err(|reason| garbled(&self.address, reason))?;
        self.admitted |= R::KEY != ApiVersionsRequest::KEY;
        Ok(answer)
    }

    fn broken(&self, api: &'static str, cause: io::Error) -> ControlError {
        let address = self.address.clone();
        match cause.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ControlError::Slow { address, api, timeout: self.timeout }
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset if !self.admitted => {
                ControlError::Refused { address, api }
            }
            _ => ControlError::Broken { address, api, cause },
        }
    }

    fn broker_ok(
        &self,
        api: &'static str,
        what: &str,
        code: i16,
        detail: Option<&StrBytes>,
    ) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        let detail = detail.map(|text| format!(" ({text})")).unwrap_or_default();
        let name = wire::error_name(code);
        Err(ControlError::Broker { api, what: what.to_owned(), code, name, detail })
    }

    /// Brokers and partition leaders of `topics`; an empty list asks for the brokers only.
    pub fn metadata(&mut self, topics: &[String]) -> Result<MetadataResponse> {
        let topics = topics
            .iter()
            .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))))
            .collect();
        let request = MetadataRequest::default()
            .with_topics(Some(topics))
            .with_allow_auto_topic_creation(self.version::<MetadataRequest>()? < 4);
        self.call(&request)
    }

    /// Creates a topic. `TOPIC_ALREADY_EXISTS` is an error: this tool deletes what it creates.
    pub fn create_topic(&mut self, topic: &NewTopic<'_>) -> Result<()> {
        let version = self.version::<CreateTopicsRequest>()?;
        let replication = if topic.replication < 0 && version < 4 { 1 } else { topic.replication };
        let configs = topic
            .config
            .iter()
            .map(|(name, value)| {
                CreatableTopicConfig::default()
                    .with_name(StrBytes::from_string(name.clone()))
                    .with_value(Some(StrBytes::from_string(value.clone())))
            })
            .collect();
        let request = CreateTopicsRequest::default().with_timeout_ms(30_000).with_topics(vec![
            CreatableTopic::default()
                .with_name(topic_name(topic.name))
                .with_num_partitions(to_i32(topic.partitions))
                .with_replication_factor(replication)
                .with_configs(configs),
        ]);
        for result in self.call(&request)?.topics {
            let detail = result.error_message.as_ref();
            self.broker_ok("CreateTopics", topic.name, result.error_code, detail)?;
        }
        Ok(())
    }

    /// Deletes a topic.
    pub fn delete_topic(&mut self, name: &str) -> Result<()> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![topic_name(name)])
            .with_timeout_ms(30_000);
        for result in self.call(&request)?.responses {
            self.broker_ok("DeleteTopics", name, result.error_code, None)?;
        }
        Ok(())
    }

    /// The offset at [`LATEST`] or [`EARLIEST`] of each partition this broker leads.
    pub fn offsets(
        &mut self,
        topic: &str,
        partitions: &[i32],
        at: i64,
    ) -> Result<BTreeMap<i32, i64>> {
        let wanted = partitions
            .iter()
            .map(|index| {
                ListOffsetsPartition::default().with_partition_index(*index).with_timestamp(at)
            })
            .collect();
        let request =
            ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![
                ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(wanted),
            ]);
        let mut found = BTreeMap::new();
        for answer in self.call(&request)?.topics {
            for partition in answer.partitions {
                let what = format!("{topic}-{}", partition.partition_index);
                self.broker_ok("ListOffsets", &what, partition.error_code, None)?;
                found.insert(partition.partition_index, partition.offset);
            }
        }
        Ok(found)
    }

    /// A new producer id and epoch.
    pub fn init_producer_id(&mut self) -> Result<(i64, i16)> {
        // Null, not the empty name that is the crate's default: brokers refuse an empty one.
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000);
        let answer = self.call(&request)?;
        self.broker_ok("InitProducerId", "a new producer", answer.error_code, None)?;
        Ok((answer.producer_id.0, answer.producer_epoch))
    }

    /// Settings of a topic (kind 2) or of a broker (kind 4).
    pub fn settings(&mut self, kind: i8, name: &str) -> Result<Vec<Setting>> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_string(name.to_owned()));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let mut settings = Vec::new();
        for result in self.call(&request)?.results {
            let detail = result.error_message.as_ref();
            self.broker_ok("DescribeConfigs", name, result.error_code, detail)?;
            settings.extend(result.configs.into_iter().map(|config| Setting {
                name: config.name.to_string(),
                value: config.value.map(|value| value.to_string()),
                source: config.config_source,
            }));
        }
        Ok(settings)
    }
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A listener that answers the first request with `answer` and closes.
    fn answering(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _read = stream.read(&mut request).unwrap();
            stream.write_all(answer).unwrap();
        });
        address
    }

    fn failure(address: &str) -> String {
        Client::connect(address, Duration::from_millis(300)).unwrap_err().to_string()
    }

    #[test]
    fn hostile_and_broken_answers_are_told_apart() {
        assert!(failure(&answering(b"")).contains("authentication"));
        assert!(
            failure(&answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")).contains("else than Kafka")
        );
        assert!(failure(&answering(&[0x15, 3, 3, 0, 2, 2, 40])).contains("TLS"));
        // ApiVersions with two billion elements announced.
        assert!(
            failure(&answering(b"\0\0\0\x0a\0\0\0\x01\0\0\x7f\xff\xff\xff"))
                .contains("2147483647 elements")
        );
    }

    #[test]
    fn an_unreachable_and_a_silent_broker_are_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(failure(&address).contains("did not answer ApiVersions within 300ms"));
        drop(listener);
        assert!(failure(&address).contains("cannot reach"));
        assert!(failure("nonsense").contains("host:port"));
    }
}
