//! Settings of topics and of the broker.

use kafka_wire::{
    AlterConfigsRequest, DescribeConfigsRequest, ErrorCode, IncrementalAlterConfigsRequest, Str,
    alter_configs, describe_configs::DescribeConfigsResource, incremental_alter_configs,
};

use super::fixture::Fixture;

fn describe(resource_type: i8, name: &str, keys: &[&str]) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configuration_keys: Some(keys.iter().map(|key| Str::from(*key)).collect()),
    };
    DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    }
}

fn value(fixture: &Fixture, key: &str) -> String {
    let response = fixture.ask(0, 4, &describe(2, "t", &[key]));
    response.results[0].configs[0].value.clone().unwrap().into()
}

fn incrementally(
    fixture: &Fixture,
    name: &str,
    op: i8,
    value: Option<&str>,
) -> (ErrorCode, String) {
    let config = incremental_alter_configs::AlterableConfig {
        name: Str::from(name),
        config_operation: op,
        value: value.map(Str::from),
    };
    let resource = incremental_alter_configs::AlterConfigsResource {
        resource_type: 2,
        resource_name: Str::from("t"),
        configs: vec![config],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let done = &fixture.ask(0, 1, &request).responses[0];
    let message = done.error_message.clone().map(String::from).unwrap_or_default();
    (ErrorCode::from(done.error_code), message)
}

#[test]
fn topics_are_described_with_source_and_synonyms_in_every_version() {
    let fixture = Fixture::new(1, &["log.retention.hours=1"]);
    fixture.create("t", 1, &[("segment.bytes", "1048576")]);
    for version in 0..=4 {
        let keys = ["retention.ms", "segment.bytes", "flush.messages"];
        let request = describe(2, "t", &keys);
        let request = if version < 3 {
            DescribeConfigsRequest { include_documentation: false, ..request }
        } else {
            request
        };
        let request = if version < 1 {
            DescribeConfigsRequest { include_synonyms: false, ..request }
        } else {
            request
        };
        let response = fixture.ask(0, version, &request);
        let configs = &response.results[0].configs;
        let row = |name: &str| configs.iter().find(|row| row.name == name).unwrap();
        assert_eq!(configs.len(), 3);
        assert_eq!(row("retention.ms").value.as_deref(), Some("3600000"));
        assert_eq!(row("flush.messages").value.as_deref(), Some("1"));
        if version >= 1 {
            assert_eq!(row("segment.bytes").config_source, 1);
            assert_eq!(row("retention.ms").config_source, 4);
            assert_eq!(row("flush.messages").config_source, 5);
            assert_eq!(row("segment.bytes").synonyms.len(), 2);
        }
        if version >= 3 {
            assert_eq!(row("segment.bytes").config_type, 3);
            assert!(row("flush.messages").documentation.as_deref().unwrap().contains("stable"));
        }
    }
    let unknown = fixture.ask(0, 4, &describe(2, "no", &[]));
    assert_eq!(unknown.results[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
}

#[test]
fn brokers_are_described_read_only() {
    let fixture = Fixture::new(2, &[]);
    let response = fixture.ask(0, 4, &describe(4, "1001", &["num.partitions"]));
    let row = &response.results[0].configs[0];
    assert_eq!((row.value.as_deref(), row.read_only), (Some("1"), true));
    let unknown = fixture.ask(0, 4, &describe(4, "7", &[]));
    assert_eq!(unknown.results[0].error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn settings_change_step_by_step() {
    let fixture = Fixture::new(1, &[]);
    fixture.create("t", 1, &[]);
    assert_eq!(incrementally(&fixture, "retention.ms", 0, Some("5000")).0, ErrorCode::None);
    assert_eq!(value(&fixture, "retention.ms"), "5000");
    assert_eq!(incrementally(&fixture, "retention.ms", 1, None).0, ErrorCode::None);
    assert_eq!(value(&fixture, "retention.ms"), "604800000");
    let (code, message) = incrementally(&fixture, "cleanup.policy", 2, Some("compact"));
    assert_eq!(code, ErrorCode::InvalidConfig);
    assert!(message.contains("not offered yet"), "{message}");
    for (name, op, value) in [
        ("retention.ms", 0, Some("soon")),
        ("retention.ms", 0, None),
        ("retention.ms", 2, Some("5")),
        ("no.such", 0, Some("5")),
        ("no.such", 1, None),
    ] {
        let (code, message) = incrementally(&fixture, name, op, value);
        assert_eq!(code, ErrorCode::InvalidConfig, "{name} {op} {value:?}: {message}");
    }
    assert_eq!(incrementally(&fixture, "retention.ms", 9, None).0, ErrorCode::InvalidRequest);
}

#[test]
fn alter_configs_forgets_what_it_does_not_name() {
    let fixture = Fixture::new(1, &[]);
    fixture.create("t", 1, &[("retention.ms", "5000")]);
    for version in 0..=2 {
        let resource = alter_configs::AlterConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configs: vec![alter_configs::AlterableConfig {
                name: "segment.bytes".into(),
                value: Some("2097152".into()),
            }],
        };
        let broker = alter_configs::AlterConfigsResource { resource_type: 4, ..resource.clone() };
        let request =
            AlterConfigsRequest { resources: vec![resource, broker], validate_only: false };
        let done = fixture.ask(0, version, &request).responses;
        assert_eq!(done[0].error_code, 0);
        assert_eq!(done[1].error_code, ErrorCode::InvalidRequest.code());
        assert_eq!(value(&fixture, "retention.ms"), "604800000");
        assert_eq!(value(&fixture, "segment.bytes"), "2097152");
    }
}
