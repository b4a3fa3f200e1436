//! `ringlog topic create|list|describe|alter|delete`, over the Kafka protocol.

use clap::{Args, Subcommand};
use kafka_wire::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    ErrorCode, IncrementalAlterConfigsRequest, MetadataRequest, Str,
    create_partitions::CreatePartitionsTopic,
    create_topics::{CreatableTopic, CreatableTopicConfig},
    delete_topics::DeleteTopicState,
    describe_configs::{DescribeConfigsResource, DescribeConfigsResourceResult},
    incremental_alter_configs::{AlterConfigsResource, AlterableConfig},
    metadata::{MetadataRequestTopic, MetadataResponseTopic},
};
use serde_json::json;

use super::{
    client::{Client, ClientError},
    error::{CliError, Done},
    output::{Format, print_json, print_table, say},
};

/// How long the broker may take for a change.
const TIMEOUT_MS: i32 = 25_000;
/// Kafka's number of a topic as a resource.
const TOPIC_RESOURCE: i8 = 2;

#[derive(Args, Debug)]
pub(super) struct TopicArguments {
    /// Address of any shard of the broker.
    #[arg(short, long, global = true, default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    bootstrap_server: String,
    #[command(subcommand)]
    command: TopicCommand,
}

#[derive(Subcommand, Debug)]
enum TopicCommand {
    /// Create a topic.
    #[command(visible_alias = "new")]
    Create {
        /// Its name.
        name: String,
        /// Partitions; the broker's default when left out.
        #[arg(short, long, default_value_t = -1)]
        partitions: i32,
        /// Replicas, counted in nodes; the broker's default when left out.
        #[arg(short, long, default_value_t = -1)]
        replication_factor: i16,
        /// A setting, such as retention.ms=60000.
        #[arg(short = 'c', long = "config", value_name = "KEY=VALUE")]
        configs: Vec<String>,
    },
    /// List topics.
    #[command(visible_alias = "ls")]
    List,
    /// Show a topic's partitions and settings.
    Describe {
        /// Its name.
        name: String,
    },
    /// Change a topic's settings or add partitions.
    Alter {
        /// Its name.
        name: String,
        /// Set a setting.
        #[arg(short, long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Return a setting to the broker's default.
        #[arg(short, long, value_name = "KEY")]
        delete: Vec<String>,
        /// New total number of partitions.
        #[arg(short, long)]
        partitions: Option<i32>,
    },
    /// Delete topics with all their records.
    #[command(visible_alias = "rm")]
    Delete {
        /// Their names.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        Self::Failed(error.to_string())
    }
}

pub(super) fn run(arguments: TopicArguments, format: Format) -> Result<Done, CliError> {
    let mut client = Client::connect(&arguments.bootstrap_server)?;
    match arguments.command {
        TopicCommand::Create { name, partitions, replication_factor, configs } => {
            let topic = CreatableTopic {
                name: Str::from(name),
                num_partitions: partitions,
                replication_factor,
                configs: configs.iter().map(|pair| creatable(pair)).collect::<Result<_, _>>()?,
                ..CreatableTopic::default()
            };
            create(&mut client, topic, format)
        }
        TopicCommand::List => list(&mut client, format),
        TopicCommand::Describe { name } => describe(&mut client, &name, format),
        TopicCommand::Alter { name, set, delete, partitions } => {
            alter(&mut client, &name, &set, &delete, partitions)?;
            report("altered", &[name], format);
            Ok(Done::Good)
        }
        TopicCommand::Delete { names } => delete(&mut client, &names, format),
    }
}

fn create(client: &mut Client, topic: CreatableTopic, format: Format) -> Result<Done, CliError> {
    let name = topic.name.to_string();
    let request = CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: TIMEOUT_MS,
        ..CreateTopicsRequest::default()
    };
    let created = client.ask(&request)?;
    let done = created.topics.first().ok_or_else(|| CliError::failed(&name, "no answer for it"))?;
    check(&name, done.error_code, done.error_message.as_deref())?;
    report("created", &[name], format);
    Ok(Done::Good)
}

fn list(client: &mut Client, format: Format) -> Result<Done, CliError> {
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let topics = client.ask(&request)?.topics;
    match format {
        Format::Text => {
            let row = |topic: &MetadataResponseTopic| {
                vec![name_of(topic), topic.partitions.len().to_string(), topic.topic_id.to_string()]
            };
            let rows: Vec<_> = topics.iter().map(row).collect();
            print_table(&["TOPIC", "PARTITIONS", "ID"], &rows);
        }
        Format::Json => {
            let rows: Vec<_> = topics
                .iter()
                .map(|topic| {
                    json!({
                        "name": name_of(topic),
                        "id": topic.topic_id.to_string(),
                        "partitions": topic.partitions.len(),
                        "internal": topic.is_internal,
                    })
                })
                .collect();
            print_json("topics", &rows);
        }
    }
    Ok(Done::Good)
}

fn describe(client: &mut Client, name: &str, format: Format) -> Result<Done, CliError> {
    let named = MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() };
    let request = MetadataRequest {
        topics: Some(vec![named]),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    let metadata = client.ask(&request)?;
    let topic =
        metadata.topics.first().ok_or_else(|| CliError::failed(name, "no answer for it"))?;
    check(name, topic.error_code, None)?;
    let resource = DescribeConfigsResource {
        resource_type: TOPIC_RESOURCE,
        resource_name: Str::from(name),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: false,
        include_documentation: true,
    };
    let described = client.ask(&request)?;
    let result =
        described.results.first().ok_or_else(|| CliError::failed(name, "no settings for it"))?;
    check(name, result.error_code, result.error_message.as_deref())?;
    match format {
        Format::Text => describe_text(topic, &result.configs),
        Format::Json => print_json("topic", &describe_json(topic, &result.configs)),
    }
    Ok(Done::Good)
}

fn describe_text(topic: &MetadataResponseTopic, configs: &[DescribeConfigsResourceResult]) {
    say!("topic {}  id {}", name_of(topic), topic.topic_id);
    let rows: Vec<_> = topic
        .partitions
        .iter()
        .map(|partition| {
            vec![
                partition.partition_index.to_string(),
                partition.leader_id.to_string(),
                partition.leader_epoch.to_string(),
                format!("{:?}", partition.replica_nodes),
                format!("{:?}", partition.isr_nodes),
            ]
        })
        .collect();
    print_table(&["PARTITION", "LEADER", "EPOCH", "REPLICAS", "IN SYNC"], &rows);
    say!("");
    let rows: Vec<_> = configs
        .iter()
        .map(|row| {
            let value = row.value.clone().map(String::from).unwrap_or_default();
            vec![row.name.to_string(), value, source(row.config_source).to_owned()]
        })
        .collect();
    print_table(&["SETTING", "VALUE", "SOURCE"], &rows);
}

fn describe_json(
    topic: &MetadataResponseTopic,
    configs: &[DescribeConfigsResourceResult],
) -> serde_json::Value {
    let partitions: Vec<_> = topic
        .partitions
        .iter()
        .map(|partition| {
            json!({
                "partition": partition.partition_index,
                "leader": partition.leader_id,
                "leader_epoch": partition.leader_epoch,
                "replicas": partition.replica_nodes,
                "in_sync_replicas": partition.isr_nodes,
            })
        })
        .collect();
    let settings: Vec<_> = configs
        .iter()
        .map(|row| {
            json!({
                "name": row.name.as_str(),
                "value": row.value.as_deref(),
                "source": source(row.config_source),
                "meaning": row.documentation.as_deref(),
            })
        })
        .collect();
    json!({
        "name": name_of(topic),
        "id": topic.topic_id.to_string(),
        "partitions": partitions,
        "settings": settings,
    })
}

fn alter(
    client: &mut Client,
    name: &str,
    set: &[String],
    delete: &[String],
    partitions: Option<i32>,
) -> Result<(), CliError> {
    let mut configs = Vec::new();
    for pair in set {
        let CreatableTopicConfig { name, value } = creatable(pair)?;
        configs.push(AlterableConfig { name, config_operation: 0, value });
    }
    for key in delete {
        let name = Str::from(key.as_str());
        configs.push(AlterableConfig { name, config_operation: 1, value: None });
    }
    if configs.is_empty() && partitions.is_none() {
        return Err(CliError::failed(
            name,
            "nothing to change: give --set, --delete or --partitions",
        ));
    }
    if !configs.is_empty() {
        let resource = AlterConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: Str::from(name),
            configs,
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        for done in client.ask(&request)?.responses {
            check(name, done.error_code, done.error_message.as_deref())?;
        }
    }
    if let Some(count) = partitions {
        let topic = CreatePartitionsTopic { name: Str::from(name), count, assignments: None };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: TIMEOUT_MS,
            validate_only: false,
        };
        for done in client.ask(&request)?.results {
            check(name, done.error_code, done.error_message.as_deref())?;
        }
    }
    Ok(())
}

fn delete(client: &mut Client, names: &[String], format: Format) -> Result<Done, CliError> {
    let named = |name: &String| DeleteTopicState {
        name: Some(Str::from(name.as_str())),
        ..DeleteTopicState::default()
    };
    let request = DeleteTopicsRequest {
        topics: names.iter().map(named).collect(),
        topic_names: Vec::new(),
        timeout_ms: TIMEOUT_MS,
    };
    for (name, done) in names.iter().zip(client.ask(&request)?.responses) {
        check(name, done.error_code, done.error_message.as_deref())?;
    }
    report("deleted", names, format);
    Ok(Done::Good)
}

fn creatable(pair: &str) -> Result<CreatableTopicConfig, CliError> {
    let Some((name, value)) = pair.split_once('=') else {
        return Err(CliError::failed(pair, "a setting is written KEY=VALUE"));
    };
    Ok(CreatableTopicConfig { name: Str::from(name), value: Some(Str::from(value)) })
}

fn check(name: &str, code: i16, message: Option<&str>) -> Result<(), CliError> {
    if code == 0 {
        return Ok(());
    }
    let code = ErrorCode::from(code);
    let message = message.unwrap_or(code.message());
    Err(CliError::Failed(format!("{name}: {}: {message}", code.name())))
}

fn report(what: &str, names: &[String], format: Format) {
    match format {
        Format::Text => names.iter().for_each(|name| say!("{what} {name}")),
        Format::Json => print_json("topic-change", &json!({ "change": what, "topics": names })),
    }
}

fn name_of(topic: &MetadataResponseTopic) -> String {
    topic.name.clone().map(String::from).unwrap_or_default()
}

fn source(code: i8) -> &'static str {
    match code {
        1 => "topic",
        4 => "broker",
        5 => "default",
        _ => "other",
    }
}
