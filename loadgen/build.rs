//! Records which commit the tool is built from; results carry it.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/refs/heads");
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    if let Ok(output) = commit
        && output.status.success()
    {
        let text = String::from_utf8_lossy(&output.stdout);
        println!("cargo::rustc-env=LOADGEN_GIT_COMMIT={}", text.trim());
    }
}
