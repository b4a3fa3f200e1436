//! Owns the set of pre-encoded requests of a producer thread: one per topic, record count and
//! variant, made when first needed. Never sends.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::nav::Map;
use crate::payload::{STAMP_BYTES, filler};
use crate::session::{Purpose, Session};
use crate::template::{Shape, Template};
use crate::units::{duration_ns, to_usize};
use crate::workload::{RecordSize, Workload};

/// Variants of a batch whose records differ in size.
const VARIANTS_MAX: usize = 32;
/// Memory for the templates of one thread.
const TEMPLATE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Largest payload file.
const PAYLOAD_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Values to put into records.
#[derive(Debug)]
enum Values {
    Random { least: usize, most: usize },
    Lines(Vec<Vec<u8>>),
}

/// See the file's first line.
#[derive(Debug)]
pub struct Shapes {
    session: Arc<Session>,
    topics: Vec<String>,
    values: Values,
    variants: usize,
    made: HashMap<(usize, usize, usize), Template>,
    random: fastrand::Rng,
}

impl Shapes {
    /// Reads the payload file, if any.
    pub fn new(session: &Arc<Session>, map: &Map) -> Result<Shapes> {
        let workload = &session.workload;
        let values = read_values(workload)?;
        let largest = match &values {
            Values::Random { most, .. } => *most,
            Values::Lines(lines) => lines.iter().map(Vec::len).max().unwrap_or(1),
        };
        let least = match &values {
            Values::Random { least, .. } => *least,
            Values::Lines(lines) => lines.iter().map(Vec::len).min().unwrap_or(0),
        };
        if session.purpose != Purpose::Load && least < STAMP_BYTES {
            bail!("records of {least} bytes cannot carry the {STAMP_BYTES}-byte stamp");
        }
        let same = matches!(values, Values::Random { least, most } if least == most);
        let batch_bytes = (largest * workload.batch_records).max(1);
        let variants =
            if same { 1 } else { (TEMPLATE_BYTES_MAX / batch_bytes).clamp(1, VARIANTS_MAX) };
        Ok(Shapes {
            session: Arc::clone(session),
            topics: map.topics.clone(),
            values,
            variants,
            made: HashMap::new(),
            random: session.random(0),
        })
    }

    /// Number of variants.
    pub fn variants(&self) -> usize {
        self.variants
    }

    /// The template of a batch of `records` for a topic.
    pub fn template(&mut self, topic: usize, records: usize, variant: usize) -> Result<&Template> {
        let key = (topic, records, variant);
        if !self.made.contains_key(&key) {
            let template = self.make(topic, records)?;
            self.made.insert(key, template);
        }
        self.made.get(&key).context("the template was just made")
    }

    fn make(&mut self, topic: usize, records: usize) -> Result<Template> {
        let values: Vec<Vec<u8>> = (0..records).map(|_| self.value()).collect();
        let workload = &self.session.workload;
        let timeout_ms = duration_ns(workload.delivery_timeout.0) / 1_000_000;
        let shape = Shape {
            topic: self.topics.get(topic).context("topic index")?,
            version: self.session.produce_version,
            acks: workload.acks,
            timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX),
            keyed: self.session.keys.is_some(),
            codec: workload.compression,
        };
        Template::new(&shape, &values)
    }

    fn value(&mut self) -> Vec<u8> {
        match &self.values {
            Values::Random { least, most } => {
                let bytes = self.random.usize(*least..=*most);
                filler(bytes, &mut self.random)
            }
            Values::Lines(lines) => lines[self.random.usize(..lines.len())].clone(),
        }
    }
}

fn read_values(workload: &Workload) -> Result<Values> {
    let path = match &workload.record_size {
        RecordSize::Fixed(bytes) => {
            return Ok(Values::Random { least: to_usize(*bytes), most: to_usize(*bytes) });
        }
        RecordSize::Uniform(least, most) => {
            return Ok(Values::Random { least: to_usize(*least), most: to_usize(*most) });
        }
        RecordSize::File(path) => path,
    };
    let about = || format!("payload file {}", path.display());
    let bytes = std::fs::metadata(path).with_context(about)?.len();
    if bytes > PAYLOAD_FILE_BYTES_MAX {
        bail!("{} has {bytes} bytes, over the limit of {PAYLOAD_FILE_BYTES_MAX}", about());
    }
    let text = std::fs::read(path).with_context(about)?;
    let lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    if lines.is_empty() {
        bail!("{} is empty", about());
    }
    Ok(Values::Lines(lines))
}
