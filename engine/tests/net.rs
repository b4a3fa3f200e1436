//! Connections over real sockets with a toy service: order, limits, hostile streams, draining.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::{
    cell::Cell,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    rc::Rc,
    sync::mpsc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use engine::{
    api::Answer,
    limits::CONNECTION_REQUESTS_MAX,
    net::{
        Answering, Service,
        listener::{Door, DoorConfig},
    },
    ring::{driver::Ring, executor},
};

/// Echoes the frame; a frame that begins with `w` waits that many milliseconds first, `q` closes,
/// `n` gets no answer.
struct Echo {
    ring: Ring,
    begun: Rc<Cell<usize>>,
}

impl Service for Echo {
    fn begin(&self, _peer: SocketAddr, frame: Bytes) -> Answering {
        self.begun.set(self.begun.get() + 1);
        let ring = self.ring.clone();
        Box::pin(async move {
            match frame.first() {
                Some(b'w') => ring.sleep(Duration::from_millis(frame[1].into())).await,
                Some(b'q') => return Answer::Close("asked to".into()),
                Some(b'n') => return Answer::Nothing,
                _ => {}
            }
            let size = u32::try_from(frame.len()).unwrap().to_be_bytes();
            Answer::Reply(vec![Bytes::copy_from_slice(&size), frame])
        })
    }
}

struct Server {
    address: SocketAddr,
    stop: mpsc::Sender<()>,
    thread: executor::Thread,
}

fn serve(request_bytes_max: usize) -> Server {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = executor::start("door", None, move || async move {
        let ring = Ring::new().unwrap();
        let driver = ring.clone();
        executor::spawn(async move { driver.drive(Duration::from_micros(50)).await.unwrap() });
        let service = Rc::new(Echo { ring: ring.clone(), begun: Rc::default() });
        let config = DoorConfig {
            frame_bytes_max: 2 << 20,
            request_bytes_max,
            connections_max: 100,
            idle_max: Duration::from_secs(60),
        };
        let door = Door::new(ring.clone(), service, config);
        executor::spawn(Rc::clone(&door).accept(socket));
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            ring.sleep(Duration::from_millis(5)).await;
        }
        door.drain(Duration::from_secs(5)).await;
        ring.stop();
    })
    .unwrap();
    Server { address, stop, thread }
}

impl Server {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut body = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut body).unwrap();
    body
}

#[test]
fn answers_come_in_the_order_of_requests() {
    let server = serve(16 << 20);
    let mut stream = server.connect();
    let bodies: Vec<Vec<u8>> =
        (0..50u8).map(|i| vec![if i % 3 == 0 { b'w' } else { b'x' }, 20 - i % 20, i]).collect();
    let mut sent = Vec::new();
    for body in &bodies {
        sent.extend(frame(body));
        sent.extend(frame(b"no answer"));
    }
    stream.write_all(&sent).unwrap();
    for body in &bodies {
        assert_eq!(&read_frame(&mut stream), body);
    }
    server.stop();
}

#[test]
fn a_flood_of_requests_is_read_only_as_fast_as_it_is_answered() {
    let server = serve(32 << 20);
    let mut stream = server.connect();
    let count = CONNECTION_REQUESTS_MAX * 2;
    let mut body = vec![b'x'; 60_000];
    body[..2].copy_from_slice(&[b'w', 1]);
    let mut writer = stream.try_clone().unwrap();
    let sent = body.clone();
    let flood = std::thread::spawn(move || {
        for _ in 0..count {
            writer.write_all(&frame(&sent)).unwrap();
        }
    });
    // Another client is served meanwhile.
    let mut other = server.connect();
    for _ in 0..20 {
        other.write_all(&frame(b"hello")).unwrap();
        assert_eq!(read_frame(&mut other), b"hello");
    }
    for _ in 0..count {
        assert!(read_frame(&mut stream) == body);
    }
    flood.join().unwrap();
    server.stop();
}

#[test]
fn a_stream_that_is_no_sequence_of_frames_is_closed_alone() {
    let server = serve(1 << 20);
    let mut good = server.connect();
    for hostile in [&i32::MAX.to_be_bytes()[..], &(-1i32).to_be_bytes()[..], &frame(b"quit")[..]] {
        let mut stream = server.connect();
        stream.write_all(hostile).unwrap();
        match stream.read(&mut [0; 1]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("expected the end of the connection, got {other:?}"),
        }
        good.write_all(&frame(b"still here")).unwrap();
        assert_eq!(read_frame(&mut good), b"still here");
    }
    server.stop();
}

#[test]
fn draining_finishes_what_was_begun() {
    let server = serve(1 << 20);
    let mut stream = server.connect();
    stream.write_all(&frame(&[b'w', 200])).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let begun = Instant::now();
    server.stop();
    assert_eq!(read_frame(&mut stream), [b'w', 200]);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "draining waits for answers, not for clients"
    );
}
