//! A small blocking Kafka client for the commands: one connection, one request at a time.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use bytes::Bytes;
use kafka_wire::{
    ApiVersionsRequest, DecodeError, EncodeError, ErrorCode, Request, RequestHeader, Str,
    api_versions::ApiVersion, decode_response, encode_request,
};

/// Longest wait for a connection, a read or a write.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer accepted.
const ANSWER_BYTES_MAX: usize = 64 << 20;
const CLIENT_ID: Str = Str::from_static("ringlog-cli");

/// Why a broker could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(
        "cannot connect to {address}: {error}\n  fix: is the broker running there? give its address with -b HOST:PORT"
    )]
    Connect { address: String, error: std::io::Error },
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    #[error("the answer cannot be read: {0}")]
    Decode(#[from] DecodeError),
    #[error("the request cannot be sent: {0}")]
    Encode(#[from] EncodeError),
    #[error("the answer announces {0} bytes; at most {ANSWER_BYTES_MAX} are accepted")]
    TooLarge(usize),
    #[error("the broker serves no version of {0} that this tool speaks")]
    NoVersion(&'static str),
    #[error("the broker refused to say what it serves: {0}")]
    ApiVersions(ErrorCode),
}

/// One connection to a broker.
pub(super) struct Client {
    stream: TcpStream,
    versions: Vec<ApiVersion>,
    next_correlation: i32,
}

impl Client {
    /// Connects to `HOST:PORT` and learns what is served there.
    pub(super) fn connect(address: &str) -> Result<Self, ClientError> {
        let failed = |error| ClientError::Connect { address: address.to_owned(), error };
        let mut last = std::io::Error::other("the name has no address");
        for resolved in address.to_socket_addrs().map_err(failed)? {
            match TcpStream::connect_timeout(&resolved, TIMEOUT) {
                Ok(stream) => return Self::greet(stream),
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    fn greet(stream: TcpStream) -> Result<Self, ClientError> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, versions: Vec::new(), next_correlation: 1 };
        let served = client.ask_in_version(0, &ApiVersionsRequest::default())?;
        if served.error_code != 0 {
            return Err(ClientError::ApiVersions(ErrorCode::from(served.error_code)));
        }
        client.versions = served.api_keys;
        Ok(client)
    }

    /// Sends a request in the newest version both sides speak, and returns the answer.
    pub(super) fn ask<R: Request>(&mut self, request: &R) -> Result<R::Response, ClientError> {
        let ours = R::KEY.versions();
        let served = self.versions.iter().find(|served| served.api_key == R::KEY.code());
        let version = served
            .map(|served| served.max_version.min(*ours.end()))
            .filter(|version| ours.contains(version))
            .ok_or(ClientError::NoVersion(R::KEY.name()))?;
        self.ask_in_version(version, request)
    }

    fn ask_in_version<R: Request>(
        &mut self,
        api_version: i16,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        let correlation_id = self.next_correlation;
        self.next_correlation += 1;
        let header = RequestHeader {
            api_key: R::KEY.code(),
            api_version,
            correlation_id,
            client_id: Some(CLIENT_ID),
        };
        self.stream.write_all(&encode_request(&header, request)?.concat())?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
        if size > ANSWER_BYTES_MAX {
            return Err(ClientError::TooLarge(size));
        }
        let mut frame = vec![0; size];
        self.stream.read_exact(&mut frame)?;
        let (answered, response) = decode_response::<R>(Bytes::from(frame), api_version)?;
        if answered != correlation_id {
            return Err(std::io::Error::other("an answer to another request came").into());
        }
        Ok(response)
    }
}
