//! `ringlog-tune`: arguments to commands, results to stdout, talk to stderr, exit codes.
#![forbid(unsafe_code)]

mod cli;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, Measure, Wanted};
use tuning::check::Report;
use tuning::error::{EXIT_FAILED, EXIT_OK, EXIT_SHORT, TuneError};
use tuning::host::{Host, Wish, live, nic};
use tuning::journal::Header;
use tuning::plan::Plan;
use tuning::record::Recorder;
use tuning::render::{Format, Shown, render};
use tuning::tree::{Root, Tree};
use tuning::treefile::{self, Node};
use tuning::{apply, item, items, kernel_line, measure, persist, plan, undo, verify};

const LOCK: &str = "/run/ringlog-tune.lock";
const LATENCY_DEVICE: &str = "/dev/cpu_dma_latency";

/// A load average above this before a measurement means that others use the CPUs.
const BUSY_LOAD: f64 = 0.8;

/// Output and exit code of a command.
type Done = Result<(String, u8), TuneError>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok((text, code)) => {
            // A reader that closed the pipe has seen enough.
            match io::stdout().write_all(text.as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    ExitCode::from(EXIT_FAILED)
                }
                _ => ExitCode::from(code),
            }
        }
        Err(error) => {
            say(&format!("ringlog-tune: {error}"));
            let usage =
                matches!(error, TuneError::UnknownItem { .. } | TuneError::UnknownCores { .. });
            ExitCode::from(if usage { tuning::error::EXIT_USAGE } else { EXIT_FAILED })
        }
    }
}

#[expect(clippy::print_stderr, reason = "talk goes to stderr, data to stdout")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn run(cli: &Cli) -> Done {
    let root = Root::new(&cli.root)
        .map_err(|source| TuneError::NoTree { path: cli.root.display().to_string(), source })?;
    let tool = Tool { root, format: cli.format };
    match &cli.command {
        Command::Check { wanted, wide } => tool.check(wanted, *wide),
        Command::Explain { id } => tool.explain(id.as_deref()),
        Command::Plan { wanted, script } => tool.plan(wanted, *script),
        Command::Apply { wanted, all_or_nothing, force } => {
            tool.apply(wanted, apply::Options { all_or_nothing: *all_or_nothing, force: *force })
        }
        Command::Verify => tool.verify(),
        Command::Undo { force } => tool.undo(undo::Options { force: *force }),
        Command::Measure(what) => tool.measure(what),
        Command::Persist { remove: true, .. } => tool.persist_remove(),
        Command::Persist { wanted, hold_idle, .. } => tool.persist(wanted, *hold_idle),
        Command::Hold => tool.hold(),
        Command::Record { wanted } => tool.record(wanted),
        Command::Completion { shell } => Ok((completion(*shell), EXIT_OK)),
    }
}

struct Tool {
    root: Root,
    format: Format,
}

impl Tool {
    fn show(&self, shown: &Shown<'_>) -> String {
        render(shown, self.format)
    }

    /// Reads the host, and refuses cores that are not there.
    fn host<'a>(&self, tree: &'a dyn Tree, wish: Wish) -> Result<Host<'a>, TuneError> {
        let nics: Vec<String> = nic::all(tree).into_iter().map(|nic| nic.name).collect();
        let live = live::gather(&self.root, &wish.data_dir, &nics);
        let host = Host::load(tree, wish, live);
        if !host.shards.is_within(&host.online) {
            let (cores, online) = (host.shards.to_string(), host.online.to_string());
            return Err(TuneError::UnknownCores { cores, online });
        }
        Ok(host)
    }

    /// Root rights and the lock, for everything that changes the host.
    fn may_change(&self, command: &'static str) -> Result<File, TuneError> {
        if self.root.is_live() && !rustix::process::geteuid().is_root() {
            return Err(TuneError::NotRoot { command });
        }
        let locked = |source| TuneError::Locked { path: LOCK.to_owned(), source };
        self.root.lock(LOCK).map_err(locked)
    }

    fn check(&self, wanted: &Wanted, wide: bool) -> Done {
        let selection = wanted.selection();
        selection.validate()?;
        let host = self.host(&self.root, wanted.wish())?;
        let report = Report::of(&host, &selection);
        let code = if report.short().is_empty() { EXIT_OK } else { EXIT_SHORT };
        Ok((self.show(&Shown::Check(&host, &report, wide)), code))
    }

    fn explain(&self, id: Option<&str>) -> Done {
        let chosen: Vec<&'static item::Item> = match id {
            None => items::all().collect(),
            Some(id) => {
                vec![items::find(id).ok_or_else(|| TuneError::UnknownItem { id: id.to_owned() })?]
            }
        };
        Ok((self.show(&Shown::Explain(&chosen)), EXIT_OK))
    }

    fn plan(&self, wanted: &Wanted, script: bool) -> Done {
        let selection = wanted.selection();
        selection.validate()?;
        let host = self.host(&self.root, wanted.wish())?;
        let report = Report::of(&host, &selection);
        let plan = Plan::of(&report);
        if script {
            let title = format!("ringlog-tune plan{}", wanted.arguments());
            return Ok((plan.script(&title), EXIT_OK));
        }
        Ok((self.show(&Shown::Plan(&host, &report, &plan)), EXIT_OK))
    }

    fn apply(&self, wanted: &Wanted, options: apply::Options) -> Done {
        let selection = wanted.selection();
        selection.validate()?;
        let lock = self.may_change("apply")?;
        let host = self.host(&self.root, wanted.wish())?;
        let plan = Plan::of(&Report::of(&host, &selection));
        let wish = wanted.wish();
        let header = Header::new(&self.root, wish.profile, wish.cores.to_string(), wish.data_dir);
        let applied = apply::apply(&self.root, header, plan.changes, options)?;
        drop(lock);
        for (item, manual) in &plan.manual {
            say(&format!("by hand, {item}: {manual}"));
        }
        let code = if applied.is_complete() { EXIT_OK } else { EXIT_FAILED };
        Ok((self.show(&Shown::Applied(&applied)), code))
    }

    fn verify(&self) -> Done {
        let verified = verify::verify(&self.root)?;
        let header = &verified.found.journal.header;
        let cores = header.cores.parse().unwrap_or_default();
        let wish = Wish { profile: header.profile, cores, data_dir: header.data_dir.clone() };
        let host = self.host(&self.root, wish)?;
        let isolated = !host.wish.cores.is_empty() && !host.housekeeping.is_empty();
        let missing = if isolated { kernel_line::missing(&host) } else { Vec::new() };
        let code = if verified.holds() && missing.is_empty() { EXIT_OK } else { EXIT_SHORT };
        Ok((self.show(&Shown::Verified(&verified, &missing)), code))
    }

    fn undo(&self, options: undo::Options) -> Done {
        let lock = self.may_change("undo")?;
        let undone = undo::undo(&self.root, options)?;
        drop(lock);
        let code = if undone.iter().any(|one| one.kept) { EXIT_FAILED } else { EXIT_OK };
        Ok((self.show(&Shown::Undone(&undone)), code))
    }

    fn measure(&self, what: &Measure) -> Done {
        let text = match what {
            Measure::Disk { folder } => self.show(&Shown::Disk(&self.measure_disk(folder)?)),
            Measure::Net { serve: Some(address), .. } => {
                measure::net::serve(address, |at| {
                    say(&format!("listening on {at} for ten minutes"))
                })?;
                String::new()
            }
            Measure::Net { host, .. } => {
                let host = host.as_deref().unwrap_or_default();
                self.show(&Shown::Net(&measure::net::measure(host)?))
            }
            Measure::Cpu(wanted) => {
                let host = self.host(&self.root, wanted.wish())?;
                self.tell_company();
                self.show(&Shown::Cpu(&measure::cpu::measure(&host)))
            }
        };
        Ok((text, EXIT_OK))
    }

    fn measure_disk(&self, folder: &Path) -> Result<measure::disk::DiskFigures, TuneError> {
        let data_dir = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let wish = Wish {
            profile: item::Profile::Latency,
            cores: tuning::cpuset::CpuSet::default(),
            data_dir: data_dir.display().to_string(),
        };
        let host = self.host(&self.root, wish)?;
        let found = items::find("disk-durability").map(|item| (item.look)(&host));
        let class = found.into_iter().flatten().map(|one| match one.status {
            item::Status::NotApplicable(because) => format!("durability class: {because}"),
            _ => format!("{}: {}", one.subject, one.now),
        });
        self.tell_company();
        measure::disk::measure(folder, class.collect())
    }

    /// Figures of a busy machine are figures of its other programs too.
    fn tell_company(&self) {
        let load = self.root.read("/proc/loadavg").unwrap_or_default();
        let minute = load.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
        if minute.is_some_and(|minute| minute > BUSY_LOAD) {
            say(&format!(
                "other programs are running (load average {load}): the figures are theirs too, measure again when it is calm"
            ));
        }
    }

    fn persist(&self, wanted: &Wanted, hold_idle: bool) -> Done {
        wanted.selection().validate()?;
        let lock = self.may_change("persist")?;
        self.host(&self.root, wanted.wish())?;
        let program =
            std::env::current_exe().map_err(tuning::error::file("cannot find", "this program"))?;
        let persist = persist::Persist {
            program: plan::quote(&program.display().to_string()),
            arguments: wanted.arguments(),
            hold_idle,
        };
        let written = persist::install(&self.root, &persist)?;
        drop(lock);
        say("next: systemctl daemon-reload && systemctl start ringlog-tune.service");
        Ok((self.show(&Shown::Paths("written", &written)), EXIT_OK))
    }

    fn persist_remove(&self) -> Done {
        let lock = self.may_change("persist --remove")?;
        let removed = persist::remove(&self.root)?;
        drop(lock);
        say("next: systemctl daemon-reload");
        let text = self.show(&Shown::Paths("removed", &removed));
        match self.undo(undo::Options::default()) {
            Ok((undone, code)) => Ok((text + &undone, code)),
            Err(TuneError::NothingApplied { .. }) => Ok((text, EXIT_OK)),
            Err(error) => Err(error),
        }
    }

    /// The kernel keeps the request as long as the file is open.
    fn hold(&self) -> Done {
        if self.root.is_live() && !rustix::process::geteuid().is_root() {
            return Err(TuneError::NotRoot { command: "hold" });
        }
        let path = self.root.at(LATENCY_DEVICE);
        let opened = OpenOptions::new().write(true).open(path);
        let mut device = opened.map_err(tuning::error::file("cannot open", LATENCY_DEVICE))?;
        // Ten characters of hexadecimal text are taken as well as four raw bytes.
        device
            .write_all(b"0x00000000")
            .map_err(tuning::error::file("cannot write", LATENCY_DEVICE))?;
        say("holding /dev/cpu_dma_latency at 0 us until stopped");
        loop {
            std::thread::park();
        }
    }

    fn record(&self, wanted: &Wanted) -> Done {
        let recorder = Recorder::new(&self.root);
        let host = self.host(&recorder, wanted.wish())?;
        let report = Report::of(&host, &wanted.selection());
        let facts = serde_json::to_string_pretty(&host.live)
            .map_err(|error| TuneError::Measure { what: error.to_string() })?;
        say(&format!("recorded at score {}", report.score()));
        drop(host);
        let mut nodes = recorder.into_nodes();
        nodes.insert(live::FILE.to_owned(), Node::File(facts));
        Ok((treefile::format(&nodes), EXIT_OK))
    }
}

fn completion(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ringlog-tune", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
