//! Owns the drawings of a report, as SVG text whose colours are the page's variables. Never reads
//! anything but summaries and their interval logs.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

use crate::command::compare::read_hlog;
use crate::recorder::Metric;
use crate::summary::{Quantiles, StepSummary, Summary};
use crate::units::{round_u64, show_ns};

const SIZE: (u32, u32) = (1040, 420);
/// Lines of one chart; more cannot be told apart.
const LINES_MAX: usize = 8;
/// Names along an axis.
const LABELS: usize = 12;
const Y_LABELS: usize = 6;

/// What drawing gives.
type Painted = Result<(), Box<dyn std::error::Error>>;

/// Stand-ins that are replaced by the page's variables after drawing. No two may be equal.
const INK: RGBColor = RGBColor(1, 2, 3);
const RULE: RGBColor = RGBColor(4, 5, 6);
const CARD: RGBColor = RGBColor(7, 8, 9);
const SERIES: [RGBColor; LINES_MAX] = [
    RGBColor(11, 0, 1),
    RGBColor(12, 0, 1),
    RGBColor(13, 0, 1),
    RGBColor(14, 0, 1),
    RGBColor(15, 0, 1),
    RGBColor(16, 0, 1),
    RGBColor(17, 0, 1),
    RGBColor(18, 0, 1),
];

/// A step with its histograms.
pub(super) struct Line {
    /// What it is called in legends.
    pub(super) name: String,
    intervals: Vec<Histogram<u64>>,
    end_to_end: Vec<Histogram<u64>>,
}

/// The steps of all runs whose interval logs can be read.
pub(super) fn lines(runs: &[(PathBuf, Summary)]) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (index, (path, run)) in runs.iter().enumerate() {
        for step in &run.steps {
            let log = path.with_file_name(&step.hlog);
            let rate =
                step.rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate:.0}/s"));
            let name = match (runs.len(), &run.remark) {
                (1, _) => rate,
                (_, Some(remark)) => format!("{remark}: {rate}"),
                (_, None) => format!("run {}: {rate}", index + 1),
            };
            lines.push(Line {
                name,
                intervals: read_hlog(&log, Metric::ScheduleToAck)?,
                end_to_end: read_hlog(&log, Metric::EndToEnd)?,
            });
        }
    }
    Ok(lines)
}

/// Percentile curves on a 1/(1-p) axis.
pub(super) fn percentiles(lines: &[Line]) -> Result<String> {
    let mut curves: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for line in lines {
        for (suffix, blocks) in [("", &line.intervals), (" end to end", &line.end_to_end)] {
            let curve = curve(blocks);
            if !curve.is_empty() && curves.len() < LINES_MAX {
                curves.push((format!("{}{suffix}", line.name), curve));
            }
        }
    }
    let rarest = extent(&curves, |point| point.0).1.max(100.0);
    let (low, high) = extent(&curves, |point| point.1);
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(72)
            .build_cartesian_2d((1.0..rarest).log_scale(), (low * 0.8..high * 1.25).log_scale())?;
        fill(&mut chart, &curves, &percentile_name, (LABELS, SeriesLabelPosition::LowerRight))
    })
}

/// Takes a point out of a distribution.
type Pick = fn(&Quantiles) -> u64;

/// Latency against the offered rate; `None` with fewer than two rates.
pub(super) fn rates(run: &Summary) -> Result<Option<String>> {
    let mut steps: Vec<&StepSummary> =
        run.steps.iter().filter(|step| step.rate.is_some()).collect();
    steps.sort_by(|a, b| a.rate.unwrap_or(0.0).total_cmp(&b.rate.unwrap_or(0.0)));
    if steps.first().map(|step| step.rate) == steps.last().map(|step| step.rate) {
        return Ok(None);
    }
    let pick: [(&str, Pick); 3] = [("p50", |q| q.p50), ("p99", |q| q.p99), ("p99.9", |q| q.p99_9)];
    let curves: Vec<(String, Vec<(f64, f64)>)> = pick
        .iter()
        .map(|(name, of)| {
            let points = steps
                .iter()
                .filter_map(|step| {
                    let quantiles = step.of(Metric::ScheduleToAck)?;
                    Some((step.rate?, of(quantiles).max(1) as f64))
                })
                .collect();
            ((*name).to_owned(), points)
        })
        .collect();
    let (slow, fast) = extent(&curves, |point| point.0);
    let (low, high) = with_headroom(extent(&curves, |point| point.1));
    let knee = steps
        .iter()
        .filter(|step| step.slo_held.unwrap_or(step.problems.is_empty()))
        .filter_map(|step| step.rate)
        .next_back();
    let invalid: Vec<f64> = steps
        .iter()
        .filter(|step| !step.problems.is_empty())
        .filter_map(|step| step.rate)
        .collect();
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(72)
            .build_cartesian_2d(
                (slow * 0.9..fast * 1.1).log_scale(),
                (low * 0.8..high * 1.25).log_scale(),
            )?;
        fill(&mut chart, &curves, &|x| format!("{x:.0}/s"), (6, SeriesLabelPosition::UpperLeft))?;
        for (index, (_, points)) in curves.iter().enumerate() {
            let color = SERIES[index % LINES_MAX];
            chart.draw_series(points.iter().map(|point| {
                let style = match invalid.contains(&point.0) {
                    true => color.stroke_width(2),
                    false => color.filled(),
                };
                Circle::new(*point, 4, style)
            }))?;
        }
        let knee = knee.map(|rate| [(rate, low), (rate, high)]).into_iter();
        chart.draw_series(knee.map(|line| PathElement::new(line, INK.stroke_width(1))))?;
        Ok(())
    })
    .map(Some)
}

/// p50, p99 and maximum by interval; `None` when there are too few.
pub(super) fn timeline(line: &Line) -> Result<Option<String>> {
    if line.intervals.len() < 3 {
        return Ok(None);
    }
    let points = |of: &dyn Fn(&Histogram<u64>) -> u64| -> Vec<(f64, f64)> {
        let values = line.intervals.iter().map(|h| of(h).max(1) as f64);
        (0..).map(f64::from).zip(values).collect()
    };
    let curves = [
        ("p50".to_owned(), points(&|h| h.value_at_quantile(0.5))),
        ("p99".to_owned(), points(&|h| h.value_at_quantile(0.99))),
        ("max".to_owned(), points(&|h| h.max())),
    ];
    let (low, high) = with_headroom(extent(&curves, |point| point.1));
    let last = line.intervals.len().saturating_sub(1).max(1) as f64;
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..last, (low * 0.8..high * 1.25).log_scale())?;
        {
            let labels = line.intervals.len().min(LABELS);
            let place = (labels, SeriesLabelPosition::UpperLeft);
            fill(&mut chart, &curves, &|x| format!("{x:.0}"), place)
        }
    })
    .map(Some)
}

/// Axes, lines and legend of a chart.
fn fill<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    curves: &[(String, Vec<(f64, f64)>)],
    x_name: &dyn Fn(&f64) -> String,
    (x_labels, legend): (usize, SeriesLabelPosition),
) -> Painted
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64> + 'a,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64> + 'a,
{
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RULE)
        .axis_style(RULE)
        .label_style(("sans-serif", 14, &INK))
        .x_labels(x_labels)
        .y_labels(Y_LABELS)
        .x_label_formatter(&|x| x_name(x))
        .y_label_formatter(&|y| show_ns(round_u64(*y)))
        .draw()?;
    for (index, (name, points)) in curves.iter().enumerate() {
        let color = SERIES[index % LINES_MAX];
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(legend)
        .label_font(("sans-serif", 14, &INK))
        .background_style(CARD.filled())
        .margin(12)
        .draw()?;
    Ok(())
}

/// Draws on a fresh SVG and puts the page's variables in place of the stand-in colours.
fn draw(paint: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Painted) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&area).map_err(|error| anyhow!("draw: {error}"))?;
        area.present().map_err(|error| anyhow!("draw: {error}"))?;
    }
    let mut replace = |color: RGBColor, variable: &str| {
        let hex = format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2);
        svg = svg.replace(&hex, &format!("var({variable})"));
    };
    replace(INK, "--ink");
    replace(RULE, "--rule");
    replace(CARD, "--card");
    for (index, color) in SERIES.into_iter().enumerate() {
        replace(color, &format!("--s{index}"));
    }
    Ok(svg)
}

/// A percentile curve from 0 to the rarest value that ten samples stand behind.
fn curve(blocks: &[Histogram<u64>]) -> Vec<(f64, f64)> {
    let Some((first, rest)) = blocks.split_first() else { return Vec::new() };
    let mut all = first.clone();
    for block in rest {
        if all.add(block).is_err() {
            return Vec::new();
        }
    }
    let rarest = (all.len() as f64 / 10.0).max(10.0);
    let mut points = Vec::new();
    let mut rarity = 1.0_f64;
    while rarity <= rarest {
        let value = all.value_at_quantile(1.0 - 1.0 / rarity);
        points.push((rarity, value.max(1) as f64));
        rarity *= 1.05;
    }
    points
}

/// Smallest and largest of a coordinate; a span of at least a factor of two, never empty.
fn extent(curves: &[(String, Vec<(f64, f64)>)], of: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let values = || curves.iter().flat_map(|(_, points)| points).map(&of);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(1.0, f64::max);
    if low.is_finite() { (low.max(1e-3), high.max(low * 2.0)) } else { (1.0, 10.0) }
}

/// Room for the legend above the lines of a logarithmic chart.
fn with_headroom((low, high): (f64, f64)) -> (f64, f64) {
    (low, high * (high / low).powf(0.25))
}

fn percentile_name(rarity: &f64) -> String {
    let percent = 100.0 - 100.0 / rarity;
    let decimals = if *rarity >= 100_000.0 {
        4
    } else if *rarity >= 900.0 {
        2
    } else {
        1
    };
    let text = format!("{percent:.decimals$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}
