//! Durable produce round trips in a closed loop, beside the floor.

use std::{collections::HashMap, os::fd::AsFd, path::Path, time::Instant};

use anyhow::Result;
use rustix::event::epoll;

use crate::{
    broker::{Broker, Setup, TempDir},
    client::{Client, produce_frame, produced_offset},
    floor,
    stats::Latencies,
};

const TOPIC: &str = "figures";
const WARM_UP: usize = 2000;

pub(crate) fn run(
    setup: &Setup,
    requests: usize,
    record_bytes: usize,
    connections: &[usize],
) -> Result<()> {
    let dir = TempDir::new(&setup.dir, "produce")?;
    let frame_bytes = produce_frame(TOPIC, 0, record_bytes)?.len();
    println!("one record of {record_bytes} B a request; microseconds: p50 p99 p99.9");
    let write = floor::durable_write(dir.path(), frame_bytes, requests.min(10_000))?;
    let echo = floor::echo(frame_bytes, requests.min(20_000))?;
    println!("durable overwrite        {}", write.summary());
    println!("loopback echo            {}", echo.summary());
    let floor_us = write.us(50.0) + echo.us(50.0);
    println!("floor (sum of p50)       {floor_us:8.1}");
    for &count in connections {
        let (latencies, seconds) = measure(setup, dir.path(), record_bytes, count, requests)?;
        println!(
            "produce, {count:3} connections {}   {:8.0} requests/s   p50 = {:.2} x floor, p99 = {:.2} x p50",
            latencies.summary(),
            per_second(requests, seconds),
            latencies.us(50.0) / floor_us,
            latencies.us(99.0) / latencies.us(50.0),
        );
    }
    let write = floor::durable_write(dir.path(), frame_bytes, requests.min(10_000))?;
    println!("durable overwrite, again {}", write.summary());
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(crate) fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn measure(
    setup: &Setup,
    dir: &Path,
    record_bytes: usize,
    connections: usize,
    requests: usize,
) -> Result<(Latencies, f64)> {
    let broker = Broker::start(setup, &dir.join(format!("data-{connections}")))?;
    Client::connect(broker.address)?.create_topic(TOPIC, 1)?;
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(broker.address)?);
    }
    let frame = produce_frame(TOPIC, 0, record_bytes)?;
    closed_loop(&mut clients, &frame, WARM_UP)?;
    let begun = Instant::now();
    let latencies = closed_loop(&mut clients, &frame, requests)?;
    Ok((latencies, begun.elapsed().as_secs_f64()))
}

/// One request in flight per connection, one client thread for all.
fn closed_loop(clients: &mut [Client], frame: &[u8], requests: usize) -> Result<Latencies> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, client) in clients.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&poll, client.stream.as_fd(), data, epoll::EventFlags::IN)?;
    }
    let mut latencies = Latencies::new();
    let mut sent_at: HashMap<usize, Instant> = HashMap::new();
    let mut sent = 0;
    for (index, client) in clients.iter_mut().enumerate() {
        sent_at.insert(index, Instant::now());
        client.send_frame(frame)?;
        sent += 1;
    }
    let mut events = Vec::with_capacity(clients.len());
    while !sent_at.is_empty() {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let index = usize::try_from(event.data.u64())?;
            let answer = clients[index].read_frame()?;
            let begun = sent_at.remove(&index).expect("one request in flight per connection");
            latencies.record(begun.elapsed());
            produced_offset(answer)?;
            if sent < requests {
                sent_at.insert(index, Instant::now());
                clients[index].send_frame(frame)?;
                sent += 1;
            }
        }
    }
    Ok(latencies)
}
