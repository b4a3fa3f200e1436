//! OffsetCommit, OffsetFetch and OffsetDelete: who may, and which records it takes. Offsets change
//! in `replay.rs` alone, once their records are durable.

use kafka_wire::ErrorCode;

use super::appends::Then;
use super::groups::Groups;
use super::limits::{
    FETCHES_PER_APPEND_MAX, GROUP_ID_BYTES_MAX, GROUPS_PER_COORDINATOR_MAX,
    OFFSETS_PER_COORDINATOR_MAX, OFFSETS_PER_GROUP_MAX, TOPIC_NAME_BYTES_MAX,
};
use super::membership::check_group_id;
use super::offsets::Committed;
use super::records::{OffsetCommitValue, Record, RecordWriter};
use super::requests::{
    Answer, FetchAnswer, FetchedOffset, OffsetCommit, OffsetDelete, OffsetFetch, PartitionCommit,
    PartitionOutcomes, Token,
};
use super::state::{Group, State};
use super::turn::Turn;

/// What to expect of a commit's key and value beside the names: for sizing a buffer.
const COMMIT_BYTES_FIXED: usize = 48;

impl Turn<'_> {
    pub(super) fn on_commit(&mut self, groups: &mut Groups, token: Token, request: &OffsetCommit) {
        if let Err(error) = self.check_commit(groups, request) {
            self.answer(token, commit_refused(request, error));
            return;
        }
        self.keep_session(groups, request);
        let (records, outcome) = self.commit_records(groups, request);
        let answer = Answer::OffsetCommit(outcome);
        if records.is_empty() {
            self.answer(token, answer);
            return;
        }
        let last_append = self.append(records, Then::Answer(token, answer));
        groups.get_or_create(&request.group_id).last_append = last_append;
    }

    fn check_commit(&self, groups: &Groups, request: &OffsetCommit) -> Result<(), ErrorCode> {
        if request.group_id.len() > GROUP_ID_BYTES_MAX {
            return Err(ErrorCode::InvalidGroupId);
        }
        match groups.get(&request.group_id) {
            Some(group) => check_committer(group, request)?,
            None if request.generation_id >= 0 && request.knows_group_id_not_found => {
                return Err(ErrorCode::GroupIdNotFound);
            }
            None if request.generation_id >= 0 => return Err(ErrorCode::IllegalGeneration),
            None if groups.count() >= GROUPS_PER_COORDINATOR_MAX => {
                return Err(ErrorCode::CoordinatorNotAvailable);
            }
            None => {}
        }
        if self.appends.have_room() { Ok(()) } else { Err(ErrorCode::CoordinatorNotAvailable) }
    }

    /// A member that commits is alive.
    fn keep_session(&mut self, groups: &mut Groups, request: &OffsetCommit) {
        if let Some(group) = groups.get_mut(&request.group_id)
            && (group.is(State::Stable) || group.is(State::PreparingRebalance))
        {
            self.restart_session(group, &request.member_id);
        }
    }

    /// A record for each partition that may be committed, and what each is answered once they
    /// are durable.
    fn commit_records(
        &self,
        groups: &Groups,
        request: &OffsetCommit,
    ) -> (Vec<Record>, PartitionOutcomes) {
        let group = groups.get(&request.group_id);
        let bytes = request.topics.iter().map(|(topic, partitions)| {
            partitions.len() * (COMMIT_BYTES_FIXED + topic.len() + request.group_id.len())
        });
        let mut writer = RecordWriter::with_capacity(bytes.sum());
        let mut records = Vec::new();
        let mut new_offsets = 0;
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic, partitions) in &request.topics {
            let mut outcomes = Vec::with_capacity(partitions.len());
            for commit in partitions {
                let is_new = group.is_none_or(|g| g.offsets.get(topic, commit.partition).is_none());
                let outcome = self
                    .check_partition(group, topic, commit, is_new.then_some(new_offsets))
                    .and_then(|()| self.commit_record(&mut writer, request, topic, commit));
                let error = match outcome {
                    Ok(record) => {
                        records.push(record);
                        new_offsets += usize::from(is_new);
                        ErrorCode::None
                    }
                    Err(error) => error,
                };
                outcomes.push((commit.partition, error));
            }
            topics.push((topic.clone(), outcomes));
        }
        (records, topics)
    }

    /// `new_before`: for a partition without an offset, how many such this request had before it.
    fn check_partition(
        &self,
        group: Option<&Group>,
        topic: &str,
        commit: &PartitionCommit,
        new_before: Option<usize>,
    ) -> Result<(), ErrorCode> {
        if topic.len() > TOPIC_NAME_BYTES_MAX || commit.partition < 0 {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let text = commit.metadata.as_deref().unwrap_or("");
        let length_max = self.config.offset_metadata_length_max;
        // Kafka counts UTF-16 units, of which there are never more than bytes.
        if text.len() > length_max && text.encode_utf16().count() > length_max {
            return Err(ErrorCode::OffsetMetadataTooLarge);
        }
        if let Some(before) = new_before {
            let in_group = group.map_or(0, |g| g.offsets.count()) + before;
            let in_all = self.totals.offsets + before;
            if in_group >= OFFSETS_PER_GROUP_MAX || in_all >= OFFSETS_PER_COORDINATOR_MAX {
                return Err(ErrorCode::InvalidCommitOffsetSize);
            }
        }
        Ok(())
    }

    fn commit_record(
        &self,
        writer: &mut RecordWriter,
        request: &OffsetCommit,
        topic: &str,
        commit: &PartitionCommit,
    ) -> Result<Record, ErrorCode> {
        let now_ms = self.now.wall_ms;
        let value = OffsetCommitValue {
            offset: commit.offset,
            leader_epoch: commit.leader_epoch,
            metadata: commit.metadata.as_deref().unwrap_or(""),
            commit_timestamp_ms: match commit.commit_timestamp_ms {
                -1 => now_ms,
                given => given,
            },
            expire_timestamp_ms: match request.retention_time_ms {
                ..0 => -1,
                asked => now_ms.saturating_add(asked),
            },
        };
        writer
            .offset_commit((&request.group_id, topic, commit.partition), &value)
            .map_err(|_| ErrorCode::OffsetMetadataTooLarge)
    }

    pub(super) fn on_fetch(&mut self, groups: &Groups, token: Token, request: OffsetFetch) {
        if let Some(group) = groups.get(&request.group_id)
            && request.require_stable
            && self.appends.is_in_flight(group.last_append)
            && let Some(append) = self.appends.get_mut(group.last_append)
        {
            if append.fetches.len() < FETCHES_PER_APPEND_MAX {
                append.fetches.push((token, request));
                return;
            }
            let error = ErrorCode::UnstableOffsetCommit;
            self.answer(token, Answer::OffsetFetch(FetchAnswer { error, topics: Vec::new() }));
            return;
        }
        let answer = fetch(groups, &request);
        self.answer(token, Answer::OffsetFetch(answer));
    }

    pub(super) fn on_offset_delete(
        &mut self,
        groups: &mut Groups,
        token: Token,
        request: &OffsetDelete,
    ) {
        let group = match self.check_offset_delete(groups, &request.group_id) {
            Ok(group) => group,
            Err(error) => {
                self.answer(token, Answer::OffsetDelete(error, Vec::new()));
                return;
            }
        };
        let mut writer = RecordWriter::default();
        let mut records = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic, partitions) in &request.topics {
            let subscribed = group.is_subscribed_to(topic);
            let error =
                if subscribed { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
            for partition in partitions {
                if !subscribed && group.offsets.get(topic, *partition).is_some() {
                    let key = (&*group.id, &**topic, *partition);
                    records.push(writer.offset_tombstone(key).expect("the key was stored before"));
                }
            }
            topics.push((topic.clone(), partitions.iter().map(|p| (*p, error)).collect()));
        }
        let answer = Answer::OffsetDelete(ErrorCode::None, topics);
        if records.is_empty() {
            self.answer(token, answer);
        } else {
            group.last_append = self.append(records, Then::Answer(token, answer));
        }
    }

    fn check_offset_delete<'g>(
        &self,
        groups: &'g mut Groups,
        group_id: &str,
    ) -> Result<&'g mut Group, ErrorCode> {
        check_group_id(group_id)?;
        let group = groups.get_mut(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        match group.state() {
            State::Dead => Err(ErrorCode::GroupIdNotFound),
            State::Empty if self.appends.have_room() => Ok(group),
            _ if !group.is(State::Empty) && !group.uses_consumer_protocol() => {
                Err(ErrorCode::NonEmptyGroup)
            }
            _ if self.appends.have_room() => Ok(group),
            _ => Err(ErrorCode::CoordinatorNotAvailable),
        }
    }
}

/// The rules of Kafka's `ClassicGroup.validateOffsetCommit`.
fn check_committer(group: &Group, request: &OffsetCommit) -> Result<(), ErrorCode> {
    if group.is(State::Dead) {
        return Err(ErrorCode::CoordinatorNotAvailable);
    }
    if request.generation_id < 0 && group.is(State::Empty) {
        return Ok(());
    }
    let instance_id = request.group_instance_id.as_deref();
    if request.generation_id < 0 && request.member_id.is_empty() && instance_id.is_none() {
        // Not a member, and the members are in charge now.
        return Err(ErrorCode::UnknownMemberId);
    }
    group.check_generation(&request.member_id, instance_id, request.generation_id)?;
    if group.is(State::CompletingRebalance) {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

/// The same error for every partition.
pub(super) fn commit_refused(request: &OffsetCommit, error: ErrorCode) -> Answer {
    let topics = request.topics.iter().map(|(topic, partitions)| {
        (topic.clone(), partitions.iter().map(|p| (p.partition, error)).collect())
    });
    Answer::OffsetCommit(topics.collect())
}

/// Reads what is durable: a group that is being deleted has its offsets until it is gone, for the
/// deletion may fail. A group that is not there has no offsets, which is no error.
pub(super) fn fetch(groups: &Groups, request: &OffsetFetch) -> FetchAnswer {
    if request.group_id.len() > GROUP_ID_BYTES_MAX {
        return FetchAnswer { error: ErrorCode::InvalidGroupId, topics: Vec::new() };
    }
    let group = groups.get(&request.group_id);
    let topics = match (&request.topics, group) {
        (Some(topics), _) => topics
            .iter()
            .map(|(topic, partitions)| {
                let offset_of =
                    |p: &i32| fetched(*p, group.and_then(|group| group.offsets.get(topic, *p)));
                (topic.clone(), partitions.iter().map(offset_of).collect())
            })
            .collect(),
        (None, Some(group)) => group
            .offsets
            .sorted()
            .into_iter()
            .map(|(topic, partitions)| {
                let partitions = partitions.into_iter().map(|(p, c)| fetched(p, Some(c)));
                (topic.to_string(), partitions.collect())
            })
            .collect(),
        (None, None) => Vec::new(),
    };
    FetchAnswer { error: ErrorCode::None, topics }
}

fn fetched(partition: i32, committed: Option<&Committed>) -> FetchedOffset {
    FetchedOffset {
        partition,
        offset: committed.map_or(-1, |c| c.offset),
        leader_epoch: committed.map_or(-1, |c| c.leader_epoch),
        metadata: committed.and_then(|c| c.metadata.clone()).unwrap_or_default(),
        error: ErrorCode::None,
    }
}
