//! JoinGroup: who may come in, under which id. The rebalance that follows is in `rebalance.rs`.

use std::sync::Arc;

use kafka_wire::ErrorCode;

use super::appends::{Rename, Then};
use super::groups::Groups;
use super::limits::{
    GROUP_ID_BYTES_MAX, GROUP_INSTANCE_ID_BYTES_MAX, GROUPS_PER_COORDINATOR_MAX,
    MEMBER_BYTES_PER_COORDINATOR_MAX, MEMBER_ID_PREFIX_BYTES_MAX, MEMBER_METADATA_BYTES_MAX,
    MEMBERS_PER_GROUP_MAX, NEW_MEMBER_JOIN_TIMEOUT_MS, PROTOCOL_NAME_BYTES_MAX,
    PROTOCOLS_PER_MEMBER_MAX,
};
use super::members::Member;
use super::requests::{JoinGroup, Token};
use super::state::{Group, State};
use super::timers::Timer;
use super::turn::Turn;

impl Turn<'_> {
    pub(super) fn on_join(&mut self, groups: &mut Groups, token: Token, request: &JoinGroup) {
        if let Err(error) = self.check_join(request) {
            self.refuse_join(token, error, &request.member_id);
            return;
        }
        if groups.get(&request.group_id).is_none()
            && let Err(error) = self.create_group_for(groups, request)
        {
            self.refuse_join(token, error, &request.member_id);
            return;
        }
        let group = groups.get_or_create(&request.group_id);
        if !self.has_place_for(group, &request.member_id) {
            self.remove_member(group, &request.member_id);
            self.remove_pending(group, &request.member_id);
            self.refuse_join(token, ErrorCode::GroupMaxSizeReached, "");
        } else if group.is(State::Dead) {
            self.refuse_join(token, ErrorCode::CoordinatorNotAvailable, &request.member_id);
        } else if !group.supports(request) {
            self.refuse_join(token, ErrorCode::InconsistentGroupProtocol, &request.member_id);
        } else if request.member_id.is_empty() {
            self.join_new_member(group, token, request);
        } else {
            self.join_known_member(group, token, request);
        }
    }

    /// What can be said without looking at the group.
    fn check_join(&self, request: &JoinGroup) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() || request.group_id.len() > GROUP_ID_BYTES_MAX {
            return Err(ErrorCode::InvalidGroupId);
        }
        let allowed_ms = self.config.min_session_timeout_ms..=self.config.max_session_timeout_ms;
        if !allowed_ms.contains(&request.session_timeout_ms) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        let instance_bytes = request.group_instance_id.as_ref().map_or(0, String::len);
        let metadata_bytes: usize =
            request.protocols.iter().map(|p| p.name.len() + p.metadata.len()).sum();
        let is_too_long = instance_bytes > GROUP_INSTANCE_ID_BYTES_MAX
            || request.protocol_type.len() > PROTOCOL_NAME_BYTES_MAX
            || request.protocols.len() > PROTOCOLS_PER_MEMBER_MAX
            || request.protocols.iter().any(|p| p.name.len() > PROTOCOL_NAME_BYTES_MAX)
            || metadata_bytes > MEMBER_METADATA_BYTES_MAX;
        if is_too_long {
            return Err(ErrorCode::InvalidRequest);
        }
        if self.totals.member_bytes + metadata_bytes > MEMBER_BYTES_PER_COORDINATOR_MAX {
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// A group begins with its first member, and with a record that says so.
    fn create_group_for(
        &mut self,
        groups: &mut Groups,
        request: &JoinGroup,
    ) -> Result<(), ErrorCode> {
        if !request.member_id.is_empty() {
            return Err(ErrorCode::UnknownMemberId);
        }
        if request.protocol_type.is_empty() || request.protocols.is_empty() {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if groups.count() >= GROUPS_PER_COORDINATOR_MAX || !self.appends.have_room() {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        let group = groups.get_or_create(&request.group_id);
        group.restore_state(State::Empty, Some(self.now.wall_ms));
        self.append_group(group, None, Then::Nothing).expect("a group without members fits");
        Ok(())
    }

    /// Kafka's `acceptJoiningMember`: while members rejoin, those that are in count, so that a
    /// group whose limit was lowered loses its last comers.
    fn has_place_for(&self, group: &Group, member_id: &str) -> bool {
        let is_known =
            group.member(member_id).is_some() || group.pending_join.contains_key(member_id);
        let all = group.members().len() + group.pending_join.len();
        if !is_known && all >= MEMBERS_PER_GROUP_MAX {
            return false;
        }
        let size_max = self.config.group_size_max;
        match group.state() {
            State::Empty | State::Dead => true,
            State::PreparingRebalance => {
                group.member(member_id).is_some_and(|member| member.joining.is_some())
                    || group.joining_count() < size_max
            }
            State::CompletingRebalance | State::Stable => {
                group.member(member_id).is_some() || group.members().len() < size_max
            }
        }
    }

    fn join_new_member(&mut self, group: &mut Group, token: Token, request: &JoinGroup) {
        let new_id = new_member_id(request);
        if let Some(instance_id) = &request.group_instance_id {
            match group.static_member_id(instance_id).cloned() {
                Some(old_id) => self.rejoin_static(group, &old_id, &new_id, (token, request)),
                None => self.add_member(group, &new_id, token, request),
            }
        } else if request.member_id_required {
            let timer = Timer::Session { group: Arc::clone(&group.id), member: new_id.clone() };
            let deadline_ms = self.now.monotonic_ms + i64::from(request.session_timeout_ms);
            let timer = self.timers.arm(timer, deadline_ms);
            group.pending_join.insert(Arc::clone(&new_id), timer);
            self.refuse_join(token, ErrorCode::MemberIdRequired, &new_id);
        } else {
            self.add_member(group, &new_id, token, request);
        }
    }

    fn join_known_member(&mut self, group: &mut Group, token: Token, request: &JoinGroup) {
        let id: Arc<str> = request.member_id.as_str().into();
        let instance_id = request.group_instance_id.as_deref();
        if group.pending_join.contains_key(&id) {
            if instance_id.is_some() {
                // Only dynamic members are given an id to join with.
                self.refuse_join(token, ErrorCode::UnknownServerError, &id);
            } else {
                self.add_member(group, &id, token, request);
            }
            return;
        }
        if let Err(error) = group.check_member(&id, instance_id) {
            self.refuse_join(token, error, &id);
            return;
        }
        let is_same = group.member(&id).is_some_and(|member| member.offers_are(request));
        let must_rebalance = match group.state() {
            State::PreparingRebalance => true,
            State::CompletingRebalance => !is_same,
            // A leader joins again when it wants another assignment.
            State::Stable => !is_same || group.is_leader(&id),
            State::Empty | State::Dead => {
                self.refuse_join(token, ErrorCode::UnknownMemberId, &id);
                return;
            }
        };
        if must_rebalance {
            self.update_member(group, &id, request);
            self.park_join(group, &id, token);
            self.rebalance_or_complete(group);
        } else {
            // It may have missed the answer to its last join.
            self.answer_join(group, &id, token);
        }
    }

    fn add_member(&mut self, group: &mut Group, id: &Arc<str>, token: Token, request: &JoinGroup) {
        self.remove_pending(group, id);
        if group.is_first_rebalance() {
            group.new_member_added = true;
        }
        let member = Member::joining(id, request);
        self.totals.member_bytes += member.size_bytes();
        group.add(member, &request.protocol_type);
        self.park_join(group, id, token);
        self.restart_session_with(group, id, NEW_MEMBER_JOIN_TIMEOUT_MS);
        self.rebalance_or_complete(group);
    }

    /// Parks a join; one that the member has parked before is told to come again.
    fn park_join(&mut self, group: &mut Group, member_id: &str, token: Token) {
        if let Some(before) = group.park_join(member_id, token) {
            self.refuse_join(before, ErrorCode::RebalanceInProgress, member_id);
        }
    }

    /// A static member came back without its member id, as after a restart (KIP-345).
    fn rejoin_static(
        &mut self,
        group: &mut Group,
        old_id: &Arc<str>,
        new_id: &Arc<str>,
        (token, request): (Token, &JoinGroup),
    ) {
        let old_leader = group.leader.clone().unwrap_or_default();
        self.fence(group, old_id);
        self.rename_static(group, old_id, new_id);
        self.update_member(group, new_id, request);
        self.park_join(group, new_id, token);
        self.restart_session(group, new_id);
        match group.state() {
            State::Stable if group.select_protocol() == group.protocol => {
                let rename = Rename {
                    group: Arc::clone(&group.id),
                    generation: group.generation,
                    old_id: Arc::clone(old_id),
                    new_id: Arc::clone(new_id),
                    token,
                    old_leader,
                    can_skip_assignment: request.can_skip_assignment,
                };
                if self.append_group(group, None, Then::Rename(rename)).is_err() {
                    group.take_join(new_id);
                    self.refuse_join(token, ErrorCode::UnknownServerError, "");
                }
            }
            // The leader may already assign to the old id: it has to start again.
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(group),
            State::PreparingRebalance | State::Empty | State::Dead => {
                self.complete_join_if_all_in(group);
            }
        }
    }

    /// Whoever still uses a static member's old id is told that there is a newer one.
    fn fence(&mut self, group: &mut Group, old_id: &Arc<str>) {
        if let Some(token) = group.take_join(old_id) {
            self.refuse_join(token, ErrorCode::FencedInstanceId, old_id);
        }
        if let Some(token) = group.member_mut(old_id).and_then(|member| member.syncing.take()) {
            self.refuse_sync(token, ErrorCode::FencedInstanceId);
        }
    }
}

/// `<instance id or client id>-<random UUID>`, as Kafka names members.
fn new_member_id(request: &JoinGroup) -> Arc<str> {
    let prefix = request.group_instance_id.as_deref().unwrap_or(&request.client.client_id);
    let prefix = &prefix[..prefix.floor_char_boundary(MEMBER_ID_PREFIX_BYTES_MAX)];
    // Version 4, variant 1: a random UUID (RFC 9562).
    let bits =
        (request.random & !(0xf000 << 64) & !(0xc000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    format!(
        "{prefix}-{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
    .into()
}
