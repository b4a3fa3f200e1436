//! Owns the command line's shape. Never does anything.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use tuning::check::Selection;
use tuning::cpuset::CpuSet;
use tuning::host::Wish;
use tuning::item::Profile;
use tuning::plan::quote;
use tuning::render::Format;

/// Shows what on this host costs Ringlog time, changes it, and takes every change back.
///
/// Exit codes: 0 as wanted, 1 failed, 2 wrong usage, 3 something falls short or has drifted.
#[derive(Parser)]
#[command(name = "ringlog-tune", version)]
pub(crate) struct Cli {
    /// Work on a recorded host below this folder instead of on this one.
    #[arg(long, global = true, value_name = "DIR", default_value = "/", env = "RINGLOG_TUNE_ROOT")]
    pub(crate) root: PathBuf,
    /// Shape of the output.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) format: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Look at every item; change nothing. Exit 3 when something falls short.
    Check {
        #[command(flatten)]
        wanted: Wanted,
        /// Show reason and source in every row, and the rows that do not apply.
        #[arg(long)]
        wide: bool,
    },
    /// Say why an item matters, what it costs and risks, and where to read more.
    Explain {
        /// The item; without it, all of them.
        id: Option<String>,
    },
    /// Show what apply would change.
    Plan {
        #[command(flatten)]
        wanted: Wanted,
        /// Print a shell script for review instead.
        #[arg(long)]
        script: bool,
    },
    /// Change what falls short, journal first. Needs root.
    Apply {
        #[command(flatten)]
        wanted: Wanted,
        /// Take everything back when one change fails.
        #[arg(long)]
        all_or_nothing: bool,
        /// Also write over values that somebody changed since the last apply.
        #[arg(long)]
        force: bool,
    },
    /// Re-read everything that was applied. Exit 3 when something drifted.
    Verify,
    /// Take every change back from the journal. Needs root.
    Undo {
        /// Write over values somebody else changed, forget files that are gone, use a damaged journal.
        #[arg(long)]
        force: bool,
    },
    /// Measure what no setting tells.
    #[command(subcommand)]
    Measure(Measure),
    /// Apply at every boot before the broker, with a systemd unit. Needs root.
    Persist {
        #[command(flatten)]
        wanted: Wanted,
        /// Also keep CPUs out of deep idle states with a service of its own.
        #[arg(long, conflicts_with = "remove")]
        hold_idle: bool,
        /// Remove the units and undo what they applied.
        #[arg(long)]
        remove: bool,
    },
    /// Hold /dev/cpu_dma_latency at 0 until stopped. Needs root.
    Hold,
    /// Record what check reads on this host, for a bug report or a test.
    Record {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Print a completion script.
    Completion { shell: Shell },
}

#[derive(Subcommand)]
pub(crate) enum Measure {
    /// The price of a durable write in a folder.
    Disk { folder: PathBuf },
    /// The round trip to another host.
    Net {
        /// NAME or NAME:PORT of any open TCP port.
        #[arg(required_unless_present = "serve")]
        host: Option<String>,
        /// Listen here and echo, for a measurement from the other side.
        #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "host")]
        serve: Option<String>,
    },
    /// Clock, timer and wake-up latency, and where interrupts land.
    Cpu(Wanted),
}

#[derive(Args, Clone)]
pub(crate) struct Wanted {
    /// What the host is prepared for.
    #[arg(long, value_enum, default_value = "latency")]
    profile: Profile,
    /// The broker's shard cores, as 2-9; every CPU when not given.
    #[arg(long, value_name = "LIST")]
    cores: Option<CpuSet>,
    /// The broker's data folder.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/ringlog")]
    data_dir: String,
    /// Only these items.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Not these items.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    skip: Vec<String>,
}

impl Wanted {
    pub(crate) fn wish(&self) -> Wish {
        let cores = self.cores.clone().unwrap_or_default();
        Wish { profile: self.profile, cores, data_dir: self.data_dir.clone() }
    }

    pub(crate) fn selection(&self) -> Selection {
        Selection { only: self.only.clone(), skip: self.skip.clone() }
    }

    /// The same wishes as arguments, for the unit that `persist` writes.
    pub(crate) fn arguments(&self) -> String {
        let profile = clap::ValueEnum::to_possible_value(&self.profile)
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default();
        let mut text = format!(" --profile {profile} --data-dir {}", quote(&self.data_dir));
        if let Some(cores) = &self.cores {
            text.push_str(&format!(" --cores {cores}"));
        }
        for (name, list) in [("--only", &self.only), ("--skip", &self.skip)] {
            if !list.is_empty() {
                text.push_str(&format!(" {name} {}", list.join(",")));
            }
        }
        text
    }
}
