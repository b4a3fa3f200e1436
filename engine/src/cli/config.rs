//! `ringlog config show|check`: the settings in force, with where they come from.

use clap::Subcommand;
use serde_json::json;

use super::{
    error::{CliError, Done},
    output::{Format, print_json, print_table, say},
    start::{SettingArguments, host_facts, layered},
};
use crate::config::{BrokerConfig, Settings, Source};

#[derive(Subcommand, Debug)]
pub(super) enum ConfigCommand {
    /// Show every setting, its value and its source.
    Show {
        #[command(flatten)]
        settings: SettingArguments,
        /// Only settings that differ from their default.
        #[arg(long)]
        changed: bool,
    },
    /// Check file, environment and flags; exit code 2 when they cannot be used.
    Check {
        #[command(flatten)]
        settings: SettingArguments,
    },
}

pub(super) fn run(command: &ConfigCommand, format: Format) -> Result<Done, CliError> {
    match command {
        ConfigCommand::Show { settings, changed } => show(&layered(settings)?, *changed, format),
        ConfigCommand::Check { settings } => {
            let config = BrokerConfig::new(layered(settings)?, host_facts())?;
            match format {
                Format::Text => say!(
                    "ok: {} shards, {} bytes of memory, data in {}",
                    config.shards,
                    config.memory_bytes,
                    config.data_dir.display()
                ),
                Format::Json => print_json("config-check", &json!({ "ok": true })),
            }
        }
    }
    Ok(Done::Good)
}

fn show(settings: &Settings, changed: bool, format: Format) {
    let rows = settings.iter().filter(|(_, setting)| !changed || setting.source != Source::Default);
    match format {
        Format::Text => {
            let row = |(key, setting): (&crate::config::keys::Key, &crate::config::Setting)| {
                let kafka = key.kafka_names.first().map_or("", |(name, _)| name);
                vec![
                    key.name.clone(),
                    setting.value.clone(),
                    setting.source.to_string(),
                    kafka.to_owned(),
                    key.doc.to_owned(),
                ]
            };
            let rows: Vec<_> = rows.map(row).collect();
            print_table(&["KEY", "VALUE", "SOURCE", "KAFKA NAME", "MEANING"], &rows);
        }
        Format::Json => {
            let rows: Vec<_> = rows
                .map(|(key, setting)| {
                    json!({
                        "key": key.name,
                        "env": key.env_name(),
                        "kafka_names": key.kafka_names.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                        "value": setting.value,
                        "source": setting.source.to_string(),
                        "default": key.default,
                        "rule": key.kind.rule(),
                        "meaning": key.doc,
                    })
                })
                .collect();
            print_json("config", &rows);
        }
    }
}
