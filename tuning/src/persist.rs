//! Owns the systemd units that apply a profile at boot before the broker starts. Writes files of
//! its own only; a file that does not begin with [`MARK`] is left alone.

use std::io;

use crate::error::{TuneError, file};
use crate::tree::Tree;

/// First line of every file written here.
pub const MARK: &str =
    "# Written by `ringlog-tune persist`; remove it with `ringlog-tune persist --remove`.";
const UNITS: &str = "/etc/systemd/system";
const APPLY_UNIT: &str = "ringlog-tune.service";
const HOLD_UNIT: &str = "ringlog-tune-hold.service";
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";

/// What the units do.
pub struct Persist {
    /// Path of this program on the host.
    pub program: String,
    /// Arguments of `apply`.
    pub arguments: String,
    /// Also hold /dev/cpu_dma_latency.
    pub hold_idle: bool,
}

/// Writes the units and enables them for the next boot. Returns the paths written.
pub fn install(tree: &dyn Tree, persist: &Persist) -> Result<Vec<String>, TuneError> {
    let mut units = vec![(APPLY_UNIT, apply_unit(persist))];
    if persist.hold_idle {
        units.push((HOLD_UNIT, hold_unit(persist)));
    }
    for (name, _) in &units {
        refuse_foreign(tree, &format!("{UNITS}/{name}"))?;
    }
    let mut written = Vec::new();
    for (name, text) in units {
        let path = format!("{UNITS}/{name}");
        tree.save(&path, &text).map_err(file("cannot write", &path))?;
        let link = format!("{WANTS}/{name}");
        if tree.link(&link).is_err() {
            tree.symlink(&link, &format!("../{name}")).map_err(file("cannot link", &link))?;
        }
        written.extend([path, link]);
    }
    Ok(written)
}

/// Removes what [`install`] wrote. Returns the paths removed.
pub fn remove(tree: &dyn Tree) -> Result<Vec<String>, TuneError> {
    let mut removed = Vec::new();
    for name in [APPLY_UNIT, HOLD_UNIT] {
        let path = format!("{UNITS}/{name}");
        refuse_foreign(tree, &path)?;
        for path in [format!("{WANTS}/{name}"), path] {
            match tree.remove(&path) {
                Ok(()) => removed.push(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(file("cannot remove", &path)(error)),
            }
        }
    }
    Ok(removed)
}

fn refuse_foreign(tree: &dyn Tree, path: &str) -> Result<(), TuneError> {
    match tree.read(path) {
        Ok(text) if !text.starts_with(MARK) => Err(TuneError::NotOurs { path: path.to_owned() }),
        _ => Ok(()),
    }
}

fn apply_unit(persist: &Persist) -> String {
    let Persist { program, arguments, .. } = persist;
    // systemd expands what follows a single percent sign.
    let (program, arguments) = (program.replace('%', "%%"), arguments.replace('%', "%%"));
    format!(
        "{MARK}\n\
         [Unit]\n\
         Description=Prepare the host for Ringlog\n\
         After=systemd-sysctl.service systemd-udev-settle.service\n\
         Before=ringlog.service irqbalance.service\n\n\
         [Service]\n\
         Type=oneshot\n\
         RemainAfterExit=yes\n\
         ExecStart={program} apply{arguments}\n\
         ExecStop={program} undo\n\n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

fn hold_unit(persist: &Persist) -> String {
    let program = &persist.program;
    format!(
        "{MARK}\n\
         [Unit]\n\
         Description=Keep CPUs out of deep idle states for Ringlog\n\
         Before=ringlog.service\n\n\
         [Service]\n\
         Type=exec\n\
         ExecStart={program} hold\n\
         Restart=on-failure\n\n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}
