//! One request on its way through a handler: header, body, shard. Decodes and encodes; the only
//! place where a handler's answer becomes a frame.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::future::{Either, select};
use kafka_wire::{ErrorCode, Message, Reader, Request, RequestHeader, encode_response};

use crate::{
    limits::REQUEST_TIMEOUT_MS_MAX,
    ring::disk::Disk,
    shard::{
        Shard,
        change::{Change, Outcome, Refusal},
    },
};

use super::Answer;

/// A request whose key and version are served here.
pub(crate) struct Call<D: Disk> {
    pub(crate) shard: Shard<D>,
    pub(crate) header: RequestHeader,
    pub(crate) body: Bytes,
}

impl<D: Disk> Call<D> {
    /// The version of request and answer.
    pub(crate) fn version(&self) -> i16 {
        self.header.api_version
    }

    /// Decodes, lets `handler` answer, encodes.
    pub(crate) async fn answer<R: Request>(
        self,
        handler: impl AsyncFnOnce(&Self, R) -> R::Response,
    ) -> Answer {
        match self.decode::<R>() {
            Ok(request) => {
                let response = handler(&self, request).await;
                self.reply(&response)
            }
            Err(close) => close,
        }
    }

    /// The request, or how to end the connection: a frame that cannot be read has no answer.
    pub(crate) fn decode<R: Request>(&self) -> Result<R, Answer> {
        let mut reader = Reader::new(self.body.clone());
        R::decode(&mut reader, self.version()).map_err(|error| {
            let (name, version) = (R::KEY.name(), self.version());
            Answer::Close(format!("{name} v{version} that cannot be read: {error}"))
        })
    }

    /// The answer as a frame.
    pub(crate) fn reply<M: Message>(&self, response: &M) -> Answer {
        match encode_response(M::KEY, self.version(), self.header.correlation_id, response) {
            Ok(frame) => Answer::Reply(frame),
            Err(error) => Answer::Close(format!("{} answer: {error}", M::KEY.name())),
        }
    }

    /// Asks the controller, for at most the client's timeout.
    pub(crate) async fn change(
        &self,
        change: Change,
        validate_only: bool,
        timeout_ms: i32,
    ) -> Outcome {
        let asked = self.shard.change(change, validate_only);
        self.within(timeout_ms, asked).await.unwrap_or_else(|| {
            Outcome::Failed(Refusal::new(
                ErrorCode::RequestTimedOut,
                "The change was not finished in the request's time; it may still happen.",
            ))
        })
    }

    /// What `work` gives, unless it takes longer than `timeout_ms` (cut to our own limit).
    pub(crate) async fn within<T>(
        &self,
        timeout_ms: i32,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let ms = u64::try_from(timeout_ms.min(REQUEST_TIMEOUT_MS_MAX)).unwrap_or_default();
        let sleep = self.shard.sleep(Duration::from_millis(ms));
        match select(pin!(work), pin!(sleep)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }
}
