//! Starts and stops the broker under measurement on a fresh data folder.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How brokers are started.
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) start: Vec<String>,
}

/// A folder that goes away with this value.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!("figures-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A folder that cannot be removed is left for the operator to see.
        if std::fs::remove_dir_all(&self.0).is_err() {}
    }
}

/// A running broker; stopped on drop.
pub(crate) struct Broker {
    child: Child,
    /// Address of shard 0.
    pub(crate) address: SocketAddr,
}

impl Broker {
    /// Starts `ringlog start --dev` on `data` with one shard and waits until it accepts clients.
    pub(crate) fn start(setup: &Setup, data: &Path) -> Result<Self> {
        let mut child = Command::new(&setup.binary)
            .args(["start", "--dev", "--port", "0", "--shards", "1", "--data-dir"])
            .arg(data)
            .args(&setup.start)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", setup.binary.display()))?;
        let stdout = child.stdout.take().context("stdout was piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let Some(address) = first_address(&line) else {
            kill(&child, Signal::KILL);
            bail!("the broker did not say that it is ready, but: {line:?}");
        };
        Ok(Self { child, address })
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no VmRSS in the status of the broker")?
            .parse()?;
        Ok(kib * 1024)
    }

    /// Ends the broker at once, as a crash would.
    pub(crate) fn crash(mut self) -> Result<()> {
        kill(&self.child, Signal::KILL);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            kill(&self.child, Signal::TERM);
            if self.child.wait().is_err() {}
        }
    }
}

fn kill(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The only error is a process that has already ended.
        if kill_process(pid, signal).is_err() {}
    }
}

/// The first `address:port` of the ready line.
fn first_address(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
        .find_map(|word| word.parse().ok())
}
