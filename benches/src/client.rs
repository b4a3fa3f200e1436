//! A small blocking Kafka client over raw sockets, so that nothing but the broker is measured.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use kafka_wire::{
    CreateTopicsRequest, FetchRequest, FetchResponse, MetadataRequest, ProduceRequest,
    ProduceResponse, Records, Request, RequestHeader,
    create_topics::CreatableTopic,
    decode_response, encode_request,
    fetch::{FetchPartition, FetchTopic},
    metadata::MetadataRequestTopic,
    produce::{PartitionProduceData, TopicProduceData},
};
use log_format::{BatchBuilder, Compression};

/// Versions spoken here: the newest that name topics by name.
const PRODUCE: i16 = 9;
const FETCH: i16 = 12;
const CREATE_TOPICS: i16 = 7;
const METADATA: i16 = 9;

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, input: Vec::new() })
    }

    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32) -> Result<()> {
        let topic = CreatableTopic {
            name: name.to_owned().into(),
            num_partitions: partitions,
            replication_factor: -1,
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
        let response = self.call(CREATE_TOPICS, &request)?;
        let code = response.topics.first().context("no topic in the answer")?.error_code;
        ensure!(code == 0, "CreateTopics answered error {code}");
        self.wait_for_leaders(name, partitions)
    }

    fn wait_for_leaders(&mut self, name: &str, partitions: i32) -> Result<()> {
        let topic =
            MetadataRequestTopic { name: Some(name.to_owned().into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
        for _ in 0..600 {
            let response = self.call(METADATA, &request)?;
            let topic = response.topics.first().context("no topic in the answer")?;
            let led = topic.partitions.iter().filter(|partition| partition.error_code == 0).count();
            if i32::try_from(led)? == partitions {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        anyhow::bail!("{name} has no leaders after 30 s")
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        self.send_frame(&frame(version, request)?)?;
        let answer = self.read_frame()?;
        Ok(decode_response::<R>(answer, version)?.1)
    }

    pub(crate) fn send_frame(&mut self, frame: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(frame)?)
    }

    /// Reads one whole answer, without its size.
    pub(crate) fn read_frame(&mut self) -> Result<Bytes> {
        self.read_frame_in_place()?;
        Ok(Bytes::copy_from_slice(&self.input))
    }

    /// Reads one whole answer into this client's buffer; returns its length.
    pub(crate) fn read_frame_in_place(&mut self) -> Result<usize> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = usize::try_from(u32::from_be_bytes(size))?;
        self.input.resize(size, 0);
        self.stream.read_exact(&mut self.input)?;
        Ok(size)
    }
}

fn frame<R: Request>(version: i16, request: &R) -> Result<Vec<u8>> {
    let header = RequestHeader {
        api_key: R::KEY.code(),
        api_version: version,
        client_id: Some("figures".into()),
        ..Default::default()
    };
    Ok(encode_request(&header, request)?.concat())
}

/// A Produce frame of one batch with one record of `record_bytes`, acknowledged when durable.
pub(crate) fn produce_frame(topic: &str, partition: i32, record_bytes: usize) -> Result<Vec<u8>> {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.push(0, None, Some(&vec![b'r'; record_bytes]), log_format::Headers::default());
    let data =
        PartitionProduceData { index: partition, records: Some(Records::from(builder.build())) };
    let topic = TopicProduceData {
        name: topic.to_owned().into(),
        partition_data: vec![data],
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: 1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    frame(PRODUCE, &request)
}

/// The base offset in the answer to [`produce_frame`].
pub(crate) fn produced_offset(answer: Bytes) -> Result<i64> {
    let response: ProduceResponse = decode_response::<ProduceRequest>(answer, PRODUCE)?.1;
    let partition = response
        .responses
        .first()
        .and_then(|topic| topic.partition_responses.first())
        .context("no partition in the answer")?;
    ensure!(partition.error_code == 0, "Produce answered error {}", partition.error_code);
    Ok(partition.base_offset)
}

/// A Fetch frame of one partition.
pub(crate) fn fetch_frame(topic: &str, offset: i64, bytes_max: i32) -> Result<Vec<u8>> {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: bytes_max,
        ..Default::default()
    };
    let topic = FetchTopic {
        topic: topic.to_owned().into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: bytes_max,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    frame(FETCH, &request)
}

/// Record bytes in the answer to [`fetch_frame`], checked for errors.
pub(crate) fn fetched(answer: Bytes) -> Result<Bytes> {
    let response: FetchResponse = decode_response::<FetchRequest>(answer, FETCH)?.1;
    ensure!(response.error_code == 0, "Fetch answered error {}", response.error_code);
    let partition = response
        .responses
        .first()
        .and_then(|topic| topic.partitions.first())
        .context("no partition in the answer")?;
    ensure!(partition.error_code == 0, "Fetch answered error {}", partition.error_code);
    Ok(partition.records.to_bytes())
}
