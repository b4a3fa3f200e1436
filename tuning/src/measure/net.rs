//! Measures the round trip to another host: the TCP handshake with any open port, and echoes where
//! this tool listens at the other end.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use comfy_table::Table;
use serde::Serialize;

use super::{Spread, Timer};
use crate::error::TuneError;

/// Port of the broker, tried when none is given.
pub const PORT: u16 = 9092;
const HANDSHAKES: usize = 100;
const ECHOES: usize = 5000;
const ECHO_TIME_MAX: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(2);
const SERVE_TIME_MAX: Duration = Duration::from_secs(600);
const SIZES: [usize; 2] = [64, 1024];
/// First bytes of an echo connection, sent back by a listening tool and by nobody else.
const HELLO: &[u8; 16] = b"ringlog-tune-1\r\n";

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct NetFigures {
    /// The address reached.
    pub address: String,
    /// From the SYN to the end of the handshake.
    pub handshake: Spread,
    /// Echoes by bytes of payload; empty when no ringlog-tune listens there.
    pub echoes: Vec<Echo>,
}

/// Echoes of one size.
#[derive(Clone, Debug, Serialize)]
pub struct Echo {
    /// Payload of one echo.
    pub size_bytes: usize,
    /// Round-trip times.
    pub spread: Spread,
}

/// Measures to `host`, as `name`, `name:port`.
pub fn measure(host: &str) -> Result<NetFigures, TuneError> {
    let named = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:{PORT}")
    };
    let fail = |source: io::Error| TuneError::Measure {
        what: format!(
            "cannot reach {named}: {source}. Any open TCP port does; `ringlog-tune measure net --serve` opens one there"
        ),
    };
    let address = named
        .to_socket_addrs()
        .map_err(fail)?
        .next()
        .ok_or_else(|| fail(io::ErrorKind::NotFound.into()))?;
    let mut timer = Timer::new();
    for _ in 0..HANDSHAKES {
        let start = Instant::now();
        let stream = TcpStream::connect_timeout(&address, TIMEOUT).map_err(fail)?;
        timer.add(start.elapsed());
        drop(stream);
    }
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).map_err(fail)?;
    // A peer that does not speak our echo leaves the handshake figures alone.
    let echoes = echoes(stream).unwrap_or_default();
    Ok(NetFigures { address: address.to_string(), handshake: timer.spread(), echoes })
}

fn echoes(mut stream: TcpStream) -> io::Result<Vec<Echo>> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut answer = [0; HELLO.len()];
    stream.write_all(HELLO)?;
    stream.read_exact(&mut answer)?;
    if answer != *HELLO {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for size_bytes in SIZES {
        let payload = vec![7; size_bytes];
        let mut back = vec![0; size_bytes];
        let mut timer = Timer::new();
        let begin = Instant::now();
        for _ in 0..ECHOES {
            if begin.elapsed() > ECHO_TIME_MAX {
                break;
            }
            let start = Instant::now();
            stream.write_all(&payload)?;
            stream.read_exact(&mut back)?;
            timer.add(start.elapsed());
        }
        all.push(Echo { size_bytes, spread: timer.spread() });
    }
    Ok(all)
}

/// Listens on `address` and sends back what comes, one connection at a time, for ten minutes at most.
pub fn serve(address: &str, announce: impl FnOnce(&str)) -> Result<(), TuneError> {
    let fail = |source: io::Error| TuneError::Measure {
        what: format!("cannot listen on {address}: {source}"),
    };
    let listener = TcpListener::bind(address).map_err(fail)?;
    announce(&listener.local_addr().map_err(fail)?.to_string());
    let end = Instant::now() + SERVE_TIME_MAX;
    while Instant::now() < end {
        let (stream, _) = listener.accept().map_err(fail)?;
        // One peer that hangs up or stalls must not end the service.
        if let Err(error) = echo_back(stream, end)
            && error.kind() == io::ErrorKind::OutOfMemory
        {
            return Err(fail(error));
        }
    }
    Ok(())
}

fn echo_back(mut stream: TcpStream, end: Instant) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut buffer = [0; 4096];
    while Instant::now() < end {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            break;
        }
        stream.write_all(&buffer[..len])?;
    }
    Ok(())
}

/// The figures as a table.
pub fn text(figures: &NetFigures, table: fn(&[&str]) -> Table) -> String {
    let mut rows = table(&["what", "count", "p50 us", "p99 us", "max us"]);
    let handshake = ("TCP handshake".to_owned(), figures.handshake);
    let echoes = figures
        .echoes
        .iter()
        .map(|echo| (format!("echo of {} bytes", echo.size_bytes), echo.spread));
    for (what, spread) in std::iter::once(handshake).chain(echoes) {
        let times = [spread.p50_us, spread.p99_us, spread.max_us].map(|us| format!("{us:.1}"));
        rows.add_row([what, spread.count.to_string()].into_iter().chain(times));
    }
    let hint = if figures.echoes.is_empty() {
        "no echoes: run `ringlog-tune measure net --serve ADDRESS:PORT` on the other host for round trips\n"
    } else {
        ""
    };
    format!("{}\n{rows}\n{hint}", figures.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoes_with_itself() {
        let (send, receive) = std::sync::mpsc::channel();
        // The thread ends with the test process; it serves for ten minutes at most.
        std::thread::spawn(move || {
            serve("127.0.0.1:0", |address| send.send(address.to_owned()).unwrap())
        });
        let figures = measure(&receive.recv().unwrap()).unwrap();
        assert_eq!(figures.handshake.count, HANDSHAKES as u64);
        assert_eq!(figures.echoes.len(), SIZES.len());
        assert!(figures.echoes.iter().all(|echo| echo.spread.p50_us > 0.0));
    }

    #[test]
    fn names_what_cannot_be_reached() {
        let error = measure("127.0.0.1:1").unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:1"), "{error}");
    }
}
