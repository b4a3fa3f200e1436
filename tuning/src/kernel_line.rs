//! Owns the kernel command line for a set of shard cores: what it should say and what of it is
//! missing on the running kernel. Never edits a boot loader.

use crate::cpuset::CpuSet;
use crate::host::Host;

/// Parameters that keep the system off `shards`.
pub fn wanted(shards: &CpuSet, housekeeping: &CpuSet) -> Vec<String> {
    vec![
        format!("isolcpus=domain,managed_irq,{shards}"),
        format!("nohz_full={shards}"),
        format!("rcu_nocbs={shards}"),
        format!("irqaffinity={housekeeping}"),
        "nosoftlockup".to_owned(),
    ]
}

/// Those of [`wanted`] that the running kernel was not started with, by meaning: a longer list is
/// fine, and `isolcpus` flags may differ.
pub fn missing(host: &Host<'_>) -> Vec<String> {
    wanted(&host.shards, &host.housekeeping)
        .into_iter()
        .filter(|parameter| !is_there(host, parameter))
        .collect()
}

fn is_there(host: &Host<'_>, parameter: &str) -> bool {
    let (name, _) = parameter.split_once('=').unwrap_or((parameter, ""));
    match name {
        "nosoftlockup" => host.cmdline.contains_key(name),
        "irqaffinity" => {
            line_cpus(host, name).is_some_and(|cpus| cpus.common(&host.shards).is_empty())
        }
        _ => line_cpus(host, name).is_some_and(|cpus| host.shards.is_within(&cpus)),
    }
}

/// CPUs of a parameter such as `isolcpus=domain,managed_irq,2-9`: words before the list are flags.
fn line_cpus(host: &Host<'_>, name: &str) -> Option<CpuSet> {
    let value = host.cmdline.get(name)?.as_ref()?;
    let list: Vec<&str> =
        value.split(',').filter(|part| part.starts_with(|c: char| c.is_ascii_digit())).collect();
    list.join(",").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_all_parameters() {
        let line = wanted(&"2-9".parse().unwrap(), &"0-1".parse().unwrap()).join(" ");
        assert_eq!(
            line,
            "isolcpus=domain,managed_irq,2-9 nohz_full=2-9 rcu_nocbs=2-9 irqaffinity=0-1 nosoftlockup"
        );
    }
}
