//! One member of a classic group: what it offered, what it was given, which of its requests is
//! parked. Never decides what happens to the group.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::fields::{Reader, RecordError};
use super::requests::{JoinGroup, Token};
use super::timers::TimerId;

/// A protocol a member offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) name: Arc<str>,
    pub(super) metadata: Bytes,
}

/// A member. Dynamic unless `instance_id` is given.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    pub(super) instance_id: Option<Arc<str>>,
    pub(super) client_id: Arc<str>,
    pub(super) client_host: Arc<str>,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    /// In the member's order of preference; no name twice.
    pub(super) offers: Vec<Offer>,
    pub(super) assignment: Bytes,
    /// Its parked JoinGroup.
    pub(super) joining: Option<Token>,
    /// Its parked SyncGroup.
    pub(super) syncing: Option<Token>,
    /// Until its first rebalance ends it cannot heartbeat: its parked join expires instead.
    pub(super) is_new: bool,
    /// Its session; none once it fired without effect.
    pub(super) session: Option<TimerId>,
}

impl Member {
    pub(super) fn joining(id: &Arc<str>, request: &JoinGroup) -> Member {
        let mut member = Member {
            id: Arc::clone(id),
            instance_id: request.group_instance_id.as_deref().map(Arc::from),
            client_id: request.client.client_id.as_str().into(),
            client_host: request.client.host.as_str().into(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: 0,
            offers: Vec::new(),
            assignment: Bytes::new(),
            joining: None,
            syncing: None,
            is_new: true,
            session: None,
        };
        member.take_offers(request);
        member
    }

    /// Replaces what a member said when it joined last.
    pub(super) fn take_offers(&mut self, request: &JoinGroup) {
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = rebalance_timeout_ms(request);
        self.offers = offers_of(request);
    }

    /// Whether it says the same as last time: then nothing needs to be rebalanced for it.
    pub(super) fn offers_are(&self, request: &JoinGroup) -> bool {
        self.offers == offers_of(request)
    }

    /// Metadata for a protocol; empty if it never offered that one.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        self.offers
            .iter()
            .find(|offer| Some(&*offer.name) == protocol)
            .map_or_else(Bytes::new, |offer| offer.metadata.clone())
    }

    /// Silence is no failure while a request of the member is parked with us.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }

    /// What it adds to the coordinator's memory, near enough.
    pub(super) fn size_bytes(&self) -> usize {
        let offers: usize = self.offers.iter().map(|o| o.name.len() + o.metadata.len()).sum();
        let names = self.id.len() + self.client_id.len() + self.client_host.len();
        size_of::<Member>() + names + offers + self.assignment.len()
    }
}

/// What the member's request asks for, with Kafka's default of v0.
fn rebalance_timeout_ms(request: &JoinGroup) -> i32 {
    let asked = request.rebalance_timeout_ms;
    let chosen = if asked < 0 { request.session_timeout_ms } else { asked };
    chosen.min(super::limits::REBALANCE_TIMEOUT_MS_MAX)
}

/// A name that is given twice counts once, or its votes would be more than the members.
fn offers_of(request: &JoinGroup) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::with_capacity(request.protocols.len());
    for protocol in &request.protocols {
        if offers.iter().all(|offer| *offer.name != *protocol.name) {
            offers.push(Offer {
                name: protocol.name.as_str().into(),
                metadata: protocol.metadata.clone(),
            });
        }
    }
    offers
}

/// Adds the topics of a consumer's subscription to `topics`. Reads the part that all versions of
/// the consumer protocol share: `| version i16 | topics [string] | ... |`.
pub(super) fn read_subscription(
    metadata: &[u8],
    topics: &mut BTreeSet<Arc<str>>,
) -> Result<(), RecordError> {
    const TOPIC_BYTES_MIN: usize = 2;
    let mut reader = Reader::new(metadata);
    reader.i16()?;
    for _ in 0..reader.count_of(false, TOPIC_BYTES_MIN)? {
        let topic = reader.str()?;
        if !topics.contains(topic) {
            topics.insert(topic.into());
        }
    }
    Ok(())
}
