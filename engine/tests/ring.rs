//! The real ring against the real kernel: files, sockets, timers, dropped futures.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::mpsc,
    time::Duration,
};

use bytes::Bytes;
use engine::ring::{
    buffers::AlignedBuf,
    disk::{Access, BLOCK_BYTES, Disk, Durability},
    doorbell::Doorbell,
    driver::Ring,
    executor,
    files::UringDisk,
    sockets::Listener,
};

/// Runs `test` on a shard thread with a driven ring.
fn on_ring<F: Future<Output = ()> + 'static>(test: impl FnOnce(Ring) -> F + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = executor::start("test", None, move || async move {
        let ring = Ring::new().unwrap();
        let driver = ring.clone();
        executor::spawn(async move { driver.drive(Duration::from_micros(20)).await.unwrap() });
        test(ring.clone()).await;
        ring.stop();
        sender.send(()).unwrap();
    })
    .unwrap();
    let outcome = receiver.recv_timeout(Duration::from_secs(60));
    thread.join().expect("the shard thread ended without a panic");
    outcome.expect("the test body finished");
}

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let base =
            std::env::var_os("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = base.join(format!("ring-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn block(fill: u8) -> Bytes {
    let mut buffer = AlignedBuf::zeroed(BLOCK_BYTES);
    buffer.as_mut_slice().fill(fill);
    Bytes::from_owner(buffer)
}

#[test]
fn durable_vectored_writes_land_where_they_should() {
    let dir = TempDir::new("files");
    let path = dir.0.clone();
    on_ring(move |ring| async move {
        let disk = UringDisk::new(ring, true);
        let file = disk.open(&path.join("a.log"), Access::CreateNew).await.unwrap();
        disk.allocate(&file, 0, 64 << 10).await.unwrap();
        let buffers = (1..=3).map(block).collect();
        disk.write(&file, 4096, buffers, Durability::Stable).await.unwrap();
        let read = disk.read(&file, 4096 + 4000, 200).await.unwrap();
        assert_eq!(&read[..96], [1; 96]);
        assert_eq!(&read[96..], [2; 104]);
        assert_eq!(disk.file_bytes(&file).await.unwrap(), 64 << 10);
        disk.set_bytes(&file, 4096 * 4 - 100).await.unwrap();
        let tail = disk.read(&file, 4096 * 3, 1 << 20).await.unwrap();
        assert_eq!(tail.len(), 3996, "a read ends at the end of the file");
        disk.flush(&file).await.unwrap();
        disk.rename(&path.join("a.log"), &path.join("b.log")).await.unwrap();
        disk.flush_dir(&path).await.unwrap();
        let names: Vec<_> = disk.list(&path).await.unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["b.log"]);
        let again = disk.open(&path.join("b.log"), Access::CreateNew).await.unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        disk.create_dir(&path.join("sub")).await.unwrap();
        disk.remove_dir(&path.join("sub")).await.unwrap();
        assert!(disk.free_bytes(&path).await.unwrap() > 0);
    });
    let mut bytes = [0; 1];
    let file = std::fs::File::open(dir.0.join("b.log")).unwrap();
    file.read_exact_at(&mut bytes, 4096 * 3).unwrap();
    assert_eq!(bytes, [3]);
}

#[test]
fn a_dropped_write_still_finishes_and_frees_its_slot() {
    let dir = TempDir::new("drop");
    let path = dir.0.clone();
    on_ring(move |ring| async move {
        let disk = UringDisk::new(ring.clone(), true);
        let file = disk.open(&path.join("a.log"), Access::CreateNew).await.unwrap();
        for round in 0..200u64 {
            let write =
                disk.write(&file, (round % 16) * 4096, vec![block(7)], Durability::Volatile);
            // Polled once, so that the operation starts, then dropped in flight.
            let started = futures_lite::future::poll_once(write);
            drop(started.await);
        }
        ring.sleep(Duration::from_millis(50)).await;
        let read = disk.read(&file, 15 * 4096, 4096).await.unwrap();
        assert_eq!(read, block(7));
    });
}

#[test]
fn sockets_echo_megabytes_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let data: Vec<u8> = (0..8u32 << 20).map(|i| (i / 7 % 251) as u8).collect();
        let mut writer = stream.try_clone().unwrap();
        let sent = data.clone();
        let sender = std::thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        sender.join().unwrap();
        assert!(
            back == data,
            "{} of {} bytes came back, or in another order",
            back.len(),
            data.len()
        );
    });
    on_ring(move |ring| async move {
        let mut listener = Listener::new(&ring, listener);
        let socket = listener.accept().await.unwrap();
        socket.set_nodelay().unwrap();
        let mut receiver = socket.receive();
        loop {
            let received = receiver.next().await.unwrap();
            if received.is_end() {
                break;
            }
            let bytes = received.with(Bytes::copy_from_slice);
            drop(received);
            socket.send(vec![bytes]).await.unwrap();
        }
    });
    client.join().unwrap();
}

#[test]
fn a_parked_ring_wakes_for_a_doorbell_and_a_timer() {
    let doorbell = Doorbell::new().unwrap();
    let far = doorbell.clone();
    let ringer = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(30));
        far.ring();
    });
    on_ring(move |ring| async move {
        ring.sleep(Duration::from_millis(5)).await;
        doorbell.answered(&ring).await.unwrap();
    });
    ringer.join().unwrap();
}
