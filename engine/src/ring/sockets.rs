//! TCP over the shard's ring: multi-shot accept and receive, gathered sends.
//! Knows bytes only, never frames.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    rc::Rc,
};

use bytes::Bytes;
use io_uring::{cqueue, opcode, types};

use super::{
    buffers::RECV_GROUP,
    driver::{MultiOp, Ring},
    executor,
    files::{BUFFERS_PER_CALL_MAX, advance, iovec},
};

/// A listening socket.
pub struct Listener {
    ring: Ring,
    socket: TcpListener,
    accepting: MultiOp,
}

impl Listener {
    /// Accepts on `socket`, which already listens.
    pub fn new(ring: &Ring, socket: TcpListener) -> Self {
        let accepting = start_accept(ring, &socket);
        Self { ring: ring.clone(), socket, accepting }
    }

    /// The next connection.
    ///
    /// # Errors
    /// The kernel's (`EMFILE` when the process is out of descriptors); accepting goes on.
    pub async fn accept(&mut self) -> io::Result<Socket> {
        loop {
            let Some(completion) = self.accepting.next().await else {
                self.accepting = start_accept(&self.ring, &self.socket);
                continue;
            };
            let fd = completion.into_result()?;
            let fd = i32::try_from(fd).expect("a descriptor fits i32");
            // SAFETY: the kernel has just opened this descriptor for us alone.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            return Ok(Socket { ring: self.ring.clone(), fd: Rc::new(fd) });
        }
    }
}

fn start_accept(ring: &Ring, socket: &TcpListener) -> MultiOp {
    let entry =
        opcode::AcceptMulti::new(types::Fd(socket.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
    // SAFETY: no address buffer is passed, so nothing is pointed to.
    unsafe { ring.start_multi(entry) }
}

/// One connection. Cheap to clone; closes when the last clone and receiver are gone.
#[derive(Clone)]
pub struct Socket {
    ring: Ring,
    fd: Rc<OwnedFd>,
}

impl Socket {
    /// The receiving side. One receiver at a time.
    pub fn receive(&self) -> Receiver {
        Receiver { socket: self.clone(), op: None, ended: false }
    }

    fn start_receive(&self) -> MultiOp {
        let entry = opcode::RecvMulti::new(types::Fd(self.fd.as_raw_fd()), RECV_GROUP).build();
        // SAFETY: the kernel writes into the registered receive buffers only.
        unsafe { self.ring.start_multi(entry) }
    }

    /// Sends all `buffers`, however many calls it takes.
    ///
    /// # Errors
    /// The peer is gone.
    pub async fn send(&self, mut buffers: Vec<Bytes>) -> io::Result<()> {
        buffers.retain(|buffer| !buffer.is_empty());
        while !buffers.is_empty() {
            let (sent, rest) = self.send_once(buffers).await?;
            buffers = rest;
            advance(&mut buffers, sent);
        }
        Ok(())
    }

    async fn send_once(&self, buffers: Vec<Bytes>) -> io::Result<(usize, Vec<Bytes>)> {
        let mut hold = Box::new(SendHold {
            iovecs: buffers.iter().take(BUFFERS_PER_CALL_MAX).map(iovec).collect(),
            buffers,
            // SAFETY: msghdr is plain data for which all zeros is the empty message.
            message: unsafe { std::mem::zeroed() },
            _fd: Rc::clone(&self.fd),
        });
        hold.message.msg_iov = hold.iovecs.as_mut_ptr();
        hold.message.msg_iovlen = hold.iovecs.len();
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let entry = opcode::SendMsg::new(types::Fd(self.fd.as_raw_fd()), &raw const hold.message)
            .flags(flags.cast_unsigned())
            .build();
        // SAFETY: message, iovecs and bytes are owned by the boxed hold.
        let mut op = unsafe { self.ring.start(entry, hold) };
        op.cancel = true;
        let (completion, hold) = op.await;
        Ok((completion.into_result()?, hold.buffers))
    }

    /// Ends both directions, so that a waiting receiver sees the end.
    pub fn shutdown(&self) {
        // An error means the peer has already ended the connection.
        if rustix::net::shutdown(&self.fd, rustix::net::Shutdown::Both).is_err() {}
    }

    /// Sends small answers at once instead of waiting for more (`TCP_NODELAY`).
    ///
    /// # Errors
    /// The socket is no TCP socket any more.
    pub fn set_nodelay(&self) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_tcp_nodelay(&self.fd, true)?)
    }

    /// The address of the client.
    ///
    /// # Errors
    /// The peer is already gone.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        let address = rustix::net::getpeername(&self.fd)?
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOTCONN))?;
        SocketAddr::try_from(address).map_err(io::Error::from)
    }
}

struct SendHold {
    message: libc::msghdr,
    iovecs: Vec<libc::iovec>,
    buffers: Vec<Bytes>,
    _fd: Rc<OwnedFd>,
}

/// The receiving side of a connection. Dropping it stops the kernel from taking more bytes.
pub struct Receiver {
    socket: Socket,
    /// None while paused and at the start.
    op: Option<MultiOp>,
    /// The stream has ended; nothing more will come.
    ended: bool,
}

impl Receiver {
    /// The next bytes, empty at the end of the stream.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> io::Result<Received> {
        while !self.ended {
            let op = self.op.get_or_insert_with(|| self.socket.start_receive());
            let Some(completion) = op.next().await else {
                self.op = None;
                continue;
            };
            match completion.into_result() {
                Ok(bytes) => return Ok(self.received(bytes, completion.flags)),
                // All receive buffers are in use for a moment: others must copy first.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    executor::yield_now().await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Received { ring: self.socket.ring.clone(), id: None, bytes: 0 })
    }

    /// Stops the kernel from taking more bytes until the next call of [`Receiver::next`]; what it
    /// has already taken goes to `sink`.
    ///
    /// # Errors
    /// What `sink` says of the bytes.
    pub async fn pause<E>(
        &mut self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(mut op) = self.op.take() else { return Ok(()) };
        op.stop();
        while let Some(completion) = op.next().await {
            // Errors (the cancellation itself, a broken socket) show again at the next receive.
            if let Ok(bytes) = completion.into_result() {
                self.received(bytes, completion.flags).with(&mut sink)?;
            }
        }
        Ok(())
    }

    fn received(&mut self, bytes: usize, flags: u32) -> Received {
        self.ended |= bytes == 0;
        let id = cqueue::buffer_select(flags);
        Received { ring: self.socket.ring.clone(), id, bytes }
    }
}

/// Received bytes in a shared receive buffer; drop it soon, others wait for the buffer.
pub struct Received {
    ring: Ring,
    id: Option<u16>,
    bytes: usize,
}

impl Received {
    /// Lets `take` look at the bytes.
    pub fn with<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        match self.id {
            Some(id) => take(self.ring.recv_buffers().borrow().filled(id, self.bytes)),
            None => take(&[]),
        }
    }

    /// True at the end of the stream.
    pub fn is_end(&self) -> bool {
        self.bytes == 0
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.ring.recv_buffers().borrow_mut().give_back(id);
        }
    }
}
