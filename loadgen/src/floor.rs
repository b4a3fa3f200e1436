//! Owns measuring what this machine can do without a broker: a durable write, a loopback echo and a
//! durable echo, the latter two through the same client as every other result.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::recorder::{Latencies, Metric};
use crate::run::Setup;
use crate::session::Purpose;
use crate::sink::store::DurableFile;
use crate::sink::{Keep, Sink, SinkConfig};
use crate::summary::{Floor, Quantiles};
use crate::units::duration_ns;
use crate::workload::{Span, Workload};

/// Time for each of the three measurements.
const EACH: Duration = Duration::from_secs(1);
/// Bytes of the bare durable write.
const WRITE_BYTES: usize = 4096;

/// Measures the floor; durable writes go to a nameless temporary file in `folder`.
pub fn measure(folder: &Path) -> Result<Floor> {
    let (durable_write, direct) = durable_write(folder)?;
    Ok(Floor {
        durable_write,
        echo: echo(Keep::Nothing).context("loopback echo")?,
        durable_echo: echo(Keep::Durable(folder.to_owned())).context("durable echo")?,
        folder: folder.display().to_string(),
        direct,
    })
}

fn durable_write(folder: &Path) -> Result<(Quantiles, bool)> {
    let mut file = DurableFile::open(folder)?;
    let bytes = vec![7; WRITE_BYTES];
    let mut latencies = Latencies::default();
    let until = Instant::now() + EACH;
    while Instant::now() < until {
        let from = Instant::now();
        file.write(&bytes)?;
        latencies.record(Metric::SendToAck, duration_ns(from.elapsed()));
    }
    let quantiles = Quantiles::of(latencies.of(Metric::SendToAck)).context("no write finished")?;
    Ok((quantiles, file.direct))
}

fn echo(keep: Keep) -> Result<Quantiles> {
    let sink = Sink::start(SinkConfig { keep, ..SinkConfig::default() })?;
    let workload = Workload {
        bootstrap: sink.address(),
        partitions: 1,
        warm_up: Span(EACH / 4),
        duration: Span(EACH),
        ..Workload::default()
    };
    let mut setup = Setup::new(workload)?;
    let step = setup.step(None, Purpose::Load, &mut |_| {})?;
    Quantiles::of(step.series.total.of(Metric::SendToAck)).context("no request was answered")
}
