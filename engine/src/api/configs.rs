//! DescribeConfigs, IncrementalAlterConfigs, AlterConfigs: settings of topics, and the broker's
//! own (which are read-only here: they live in its file, environment and flags).

use std::{collections::HashSet, sync::Arc};

use kafka_wire::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    ErrorCode, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, Str,
    alter_configs::AlterConfigsResourceResponse as Altered,
    describe_configs::{
        DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult,
        DescribeConfigsSynonym,
    },
    incremental_alter_configs::AlterConfigsResourceResponse as IncrementallyAltered,
};

use crate::{
    config::{ConfigSource, Described, Kind, Source, describe, topic_keys::WireType},
    limits::REQUEST_TIMEOUT_MS_MAX,
    ring::disk::Disk,
    shard::{
        change::{Change, ConfigChange, ConfigOp, Refusal},
        metadata::Topic,
    },
};

use super::{call::Call, topics::ask};

/// Kafka's number of a topic resource.
const TOPIC: i8 = 2;
/// Kafka's number of a broker resource.
const BROKER: i8 = 4;

pub(super) async fn describe_configs<D: Disk>(
    call: &Call<D>,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let rows = rows(call, resource);
        let (configs, refusal) = match rows {
            Ok(rows) => (rows, None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        };
        let wanted = resource.configuration_keys.as_ref();
        let mut configs: Vec<_> = configs
            .into_iter()
            .filter(|row| wanted.is_none_or(|wanted| wanted.contains(&row.name)))
            .collect();
        for row in &mut configs {
            if !request.include_synonyms {
                row.synonyms.clear();
            }
            if !request.include_documentation {
                row.documentation = None;
            }
        }
        DescribeConfigsResult {
            error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.code()),
            error_message: refusal.map(|refusal| refusal.message.into()),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs,
        }
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }
}

fn rows<D: Disk>(
    call: &Call<D>,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let node = call.shard.node();
    match resource.resource_type {
        TOPIC => {
            let metadata = node.exchange.metadata();
            let topic = metadata.topic(&resource.resource_name).ok_or_else(unknown_topic)?;
            let rows = describe(&node.config.settings, &topic.overrides);
            Ok(rows.into_iter().map(topic_row).collect())
        }
        BROKER => {
            let name = resource.resource_name.as_str();
            let is_ours = |name: &str| {
                node.endpoints.iter().any(|endpoint| endpoint.broker_id.to_string() == name)
            };
            if !name.is_empty() && !is_ours(name) {
                return Err(Refusal::new(
                    ErrorCode::InvalidRequest,
                    format!("Unexpected broker id {name}: this node has no such shard."),
                ));
            }
            // The cluster-wide default resource holds only dynamic settings, and there are none.
            Ok(if name.is_empty() { Vec::new() } else { broker_rows(call) })
        }
        other => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Resource type {other} has no settings here; topics (2) and brokers (4) have."),
        )),
    }
}

fn topic_row(row: Described) -> DescribeConfigsResourceResult {
    let synonyms = row.synonyms.into_iter().map(|synonym| DescribeConfigsSynonym {
        name: Str::from_static(synonym.name),
        value: Some(synonym.value.into()),
        source: source_code(synonym.source),
    });
    DescribeConfigsResourceResult {
        name: Str::from_static(row.key.name),
        value: Some(row.value.into()),
        config_source: source_code(row.source),
        is_default: row.source != ConfigSource::Topic,
        synonyms: synonyms.collect(),
        config_type: type_code(row.key.wire_type),
        documentation: Some(Str::from_static(row.key.doc)),
        ..DescribeConfigsResourceResult::default()
    }
}

/// The broker's settings, under Kafka's name where it has one.
fn broker_rows<D: Disk>(call: &Call<D>) -> Vec<DescribeConfigsResourceResult> {
    let settings = &call.shard.node().config.settings;
    let rows = settings.iter().map(|(key, setting)| {
        let name = key.kafka_names.first().map_or(key.name.as_str(), |(name, _)| name);
        let is_default = setting.source == Source::Default;
        let source = if is_default { ConfigSource::Default } else { ConfigSource::Broker };
        DescribeConfigsResourceResult {
            name: Str::from(name),
            value: Some(Str::from(setting.value.as_str())),
            read_only: true,
            config_source: source_code(source),
            is_default,
            config_type: kind_code(key.kind),
            documentation: Some(Str::from_static(key.doc)),
            ..DescribeConfigsResourceResult::default()
        }
    });
    rows.collect()
}

pub(super) async fn alter_incrementally<D: Disk>(
    call: &Call<D>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let resources = request.resources.into_iter().map(|resource| {
        let ops = resource.configs.into_iter().map(|config| {
            let op = op(&config.name, config.config_operation, config.value)?;
            Ok((config.name, op))
        });
        Resource { kind: resource.resource_type, name: resource.resource_name, ops: ops.collect() }
    });
    let altered = alter(call, resources.collect(), false, request.validate_only).await;
    let responses = altered.into_iter().map(|done| IncrementallyAltered {
        error_code: done.code(),
        error_message: done.message(),
        resource_type: done.kind,
        resource_name: done.name,
    });
    IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..IncrementalAlterConfigsResponse::default()
    }
}

pub(super) async fn alter_all<D: Disk>(
    call: &Call<D>,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let resources = request.resources.into_iter().map(|resource| {
        let ops = resource.configs.into_iter().map(|config| {
            let op = op(&config.name, 0, config.value)?;
            Ok((config.name, op))
        });
        Resource { kind: resource.resource_type, name: resource.resource_name, ops: ops.collect() }
    });
    let altered = alter(call, resources.collect(), true, request.validate_only).await;
    let responses = altered.into_iter().map(|done| Altered {
        error_code: done.code(),
        error_message: done.message(),
        resource_type: done.kind,
        resource_name: done.name,
    });
    AlterConfigsResponse { responses: responses.collect(), ..AlterConfigsResponse::default() }
}

/// A resource to alter, in either API.
struct Resource {
    kind: i8,
    name: Str,
    ops: Result<Vec<(Str, ConfigOp)>, Refusal>,
}

/// What became of it.
struct Done {
    kind: i8,
    name: Str,
    result: Result<Arc<Topic>, Refusal>,
}

impl Done {
    fn code(&self) -> i16 {
        self.result.as_ref().map_or_else(|refusal| refusal.code.code(), |_| 0)
    }

    fn message(&self) -> Option<Str> {
        self.result.as_ref().err().map(|refusal| Str::from(refusal.message.as_str()))
    }
}

async fn alter<D: Disk>(
    call: &Call<D>,
    resources: Vec<Resource>,
    replace: bool,
    validate_only: bool,
) -> Vec<Done> {
    let mut seen = HashSet::new();
    let checked: Vec<(i8, Str, Result<ConfigChange, Refusal>)> = resources
        .into_iter()
        .map(|resource| {
            let Resource { kind, name, ops } = resource;
            let is_new = seen.insert((kind, name.clone()));
            let change = check_resource(kind, is_new).and(ops).map(|ops| ConfigChange {
                topic: name.clone(),
                replace,
                ops,
            });
            (kind, name, change)
        })
        .collect();
    let changes = checked.iter().filter_map(|(_, _, change)| change.as_ref().ok()).cloned();
    let change = Change::Configure(changes.collect());
    let mut decided = ask(call, change, validate_only, REQUEST_TIMEOUT_MS_MAX).await.into_iter();
    let done = checked.into_iter().map(|(kind, name, change)| {
        let result = change.and_then(|_| decided.next().unwrap_or_else(|| Err(unknown_topic())));
        Done { kind, name, result }
    });
    done.collect()
}

fn check_resource(kind: i8, is_new: bool) -> Result<(), Refusal> {
    let message = match (kind, is_new) {
        (_, false) => "The request names this resource more than once.",
        (TOPIC, _) => return Ok(()),
        (BROKER, _) => {
            "Broker settings cannot be changed while it runs: set them in its configuration file, \
             environment or flags and restart it. `ringlog config show` lists them."
        }
        _ => "Only topics (resource type 2) have settings that can be changed.",
    };
    Err(Refusal::new(ErrorCode::InvalidRequest, message))
}

fn op(name: &str, number: i8, value: Option<Str>) -> Result<ConfigOp, Refusal> {
    let text = || {
        let missing = || format!("Null value not supported for topic config {name}");
        let value = value.clone().map(String::from);
        value.ok_or_else(|| Refusal::new(ErrorCode::InvalidConfig, missing()))
    };
    let list = || match crate::config::topic_keys::topic_key(name).map(|key| key.kind) {
        Some(Kind::List(_)) | None => text(),
        Some(_) => Err(Refusal::new(
            ErrorCode::InvalidConfig,
            format!("Config {name} is no list: it can be set, not appended to or subtracted from."),
        )),
    };
    match number {
        0 => text().map(ConfigOp::Set),
        1 => Ok(ConfigOp::Delete),
        2 => list().map(ConfigOp::Append),
        3 => list().map(ConfigOp::Subtract),
        other => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Unknown operation {other}: 0 set, 1 delete, 2 append, 3 subtract."),
        )),
    }
}

fn unknown_topic() -> Refusal {
    let code = ErrorCode::UnknownTopicOrPartition;
    Refusal::new(code, code.message())
}

/// Kafka's number of a layer.
pub(super) fn source_code(source: ConfigSource) -> i8 {
    match source {
        ConfigSource::Topic => 1,
        ConfigSource::Broker => 4,
        ConfigSource::Default => 5,
    }
}

fn type_code(wire_type: WireType) -> i8 {
    match wire_type {
        WireType::Boolean => 1,
        WireType::String => 2,
        WireType::Int => 3,
        WireType::Long => 5,
        WireType::Double => 6,
        WireType::List => 7,
    }
}

fn kind_code(kind: Kind) -> i8 {
    type_code(match kind {
        Kind::Bool => WireType::Boolean,
        Kind::Int { .. } | Kind::Bytes { .. } | Kind::Ms { .. } => WireType::Long,
        Kind::Ratio => WireType::Double,
        Kind::List(_) => WireType::List,
        Kind::Choice(_) | Kind::Text => WireType::String,
    })
}
