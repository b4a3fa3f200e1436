//! One client connection: reads frames, lets the service begin them in order, sends the answers
//! in the same order. Bounded by requests and bytes in flight: beyond them it stops reading.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    io,
    net::SocketAddr,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_lite::FutureExt;

use super::{
    Answering, Service,
    budget::Budget,
    frames::{FrameError, Frames},
};
use crate::{
    api::Answer,
    clock,
    limits::{ANSWER_BUFFERS_PER_SEND_MAX, CONNECTION_REQUEST_BYTES_MAX, CONNECTION_REQUESTS_MAX},
    ring::{
        driver::Ring,
        sockets::{Receiver, Socket},
    },
};

/// How often a reader that waits for the shard's budget looks again.
const BUDGET_WAIT: Duration = Duration::from_millis(2);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The client closed it, or the broker is stopping.
    #[error("closed")]
    Closed,
    /// The socket broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The stream is no sequence of frames.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// A request that can only be answered by closing.
    #[error("{0}")]
    Refused(String),
}

/// What the sweeper and the shutdown may see and do from outside.
#[derive(Debug)]
pub struct Control {
    /// Last time bytes moved in either direction.
    pub last_active: Cell<Instant>,
    /// When the frame being received or the answer being sent began.
    pub slow_since: Cell<Option<Instant>>,
    draining: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl Control {
    /// A fresh connection's.
    pub fn new() -> Self {
        Self {
            last_active: Cell::new(clock::now()),
            slow_since: Cell::new(None),
            draining: Cell::new(false),
            reader: RefCell::new(None),
        }
    }

    /// Reads no further request; the connection ends when the last answer is sent.
    pub fn drain(&self) {
        self.draining.set(true);
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

/// Requests between their first poll and their answer, oldest first.
#[derive(Default)]
struct Queue {
    waiting: RefCell<VecDeque<Waiting>>,
    bytes: Cell<usize>,
    /// Wakes the reader that waits for room. The writer needs no waker of its own: both are one
    /// task and the reader is polled first.
    room: RefCell<Option<Waker>>,
    no_more: Cell<bool>,
}

struct Waiting {
    state: State,
    request_bytes: usize,
}

enum State {
    Answering(Answering),
    Answered(Answer),
}

impl Queue {
    fn has_room(&self) -> bool {
        self.waiting.borrow().len() < CONNECTION_REQUESTS_MAX
            && self.bytes.get() < CONNECTION_REQUEST_BYTES_MAX
    }

    fn push(&self, waiting: Waiting) {
        self.bytes.set(self.bytes.get() + waiting.request_bytes);
        self.waiting.borrow_mut().push_back(waiting);
    }

    async fn room(&self) {
        poll_fn(|cx| {
            if self.has_room() {
                return Poll::Ready(());
            }
            *self.room.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The oldest answer, when it is there; later ones wait for it.
    async fn next_answer(&self) -> Option<Answer> {
        poll_fn(|cx| {
            let mut waiting = self.waiting.borrow_mut();
            let Some(front) = waiting.front_mut() else {
                return if self.no_more.get() { Poll::Ready(None) } else { Poll::Pending };
            };
            if let State::Answering(answering) = &mut front.state {
                match answering.as_mut().poll(cx) {
                    Poll::Ready(answer) => front.state = State::Answered(answer),
                    Poll::Pending => return Poll::Pending,
                }
            }
            let front = waiting.pop_front().expect("looked at above");
            self.bytes.set(self.bytes.get() - front.request_bytes);
            if let Some(waker) = self.room.borrow_mut().take() {
                waker.wake();
            }
            let State::Answered(answer) = front.state else { unreachable!("set above") };
            Poll::Ready(Some(answer))
        })
        .await
    }
}

/// Serves one connection until it ends.
pub struct Connection<S> {
    /// The shard's ring.
    pub ring: Ring,
    /// The client's socket.
    pub socket: Socket,
    /// The client's address.
    pub peer: SocketAddr,
    /// Who answers.
    pub service: Rc<S>,
    /// The shard's account of request bytes.
    pub budget: Budget,
    /// Largest frame this connection may send.
    pub frame_bytes_max: usize,
    /// Shared with the sweeper.
    pub control: Rc<Control>,
}

impl<S: Service> Connection<S> {
    /// Runs the connection; returns why it ended.
    pub async fn serve(self) -> Ended {
        let queue = Queue::default();
        let reading = async {
            match self.read(&queue).await {
                // Draining: the writer ends the connection when the last answer is out.
                Ok(()) => {
                    queue.no_more.set(true);
                    std::future::pending().await
                }
                Err(ended) => ended,
            }
        };
        let writing = async { self.write(&queue).await.err().unwrap_or(Ended::Closed) };
        let ended = reading.or(writing).await;
        self.socket.shutdown();
        ended
    }

    async fn read(&self, queue: &Queue) -> Result<(), Ended> {
        let mut frames = Frames::new(self.budget.clone(), self.frame_bytes_max);
        let mut receiver = self.socket.receive();
        loop {
            while let Some(frame) = frames.pop() {
                if !queue.has_room() {
                    receiver.pause(|bytes| frames.feed(bytes)).await?;
                    queue.room().await;
                }
                self.begin(queue, frame);
            }
            self.wait_for_budget(queue, &mut receiver, &mut frames).await?;
            if frames.has_ready() {
                continue;
            }
            self.control.slow_since.set(frames.is_inside_frame().then(clock::now));
            if self.receive(&mut receiver, &mut frames).await? {
                return Ok(());
            }
        }
    }

    /// Takes the next bytes; true when the connection drains instead.
    async fn receive(&self, receiver: &mut Receiver, frames: &mut Frames) -> Result<bool, Ended> {
        let draining = poll_fn(|cx| {
            if self.control.draining.get() {
                return Poll::Ready(None);
            }
            *self.control.reader.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        });
        let Some(received) = draining.or(async { Some(receiver.next().await) }).await else {
            return Ok(true);
        };
        let received = received?;
        if received.is_end() {
            return Err(Ended::Closed);
        }
        self.control.last_active.set(clock::now());
        received.with(|bytes| frames.feed(bytes))?;
        Ok(false)
    }

    /// Polls the request once, so that requests take effect in order, and queues its answer.
    fn begin(&self, queue: &Queue, frame: Bytes) {
        let request_bytes = frame.len();
        let mut answering = self.service.begin(self.peer, frame);
        // The writer polls it again with its own waker when its turn comes.
        let state = match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => State::Answered(answer),
            Poll::Pending => State::Answering(answering),
        };
        queue.push(Waiting { state, request_bytes });
    }

    /// Waits while the shard holds too many request bytes, having told the kernel to take no more.
    async fn wait_for_budget(
        &self,
        queue: &Queue,
        receiver: &mut Receiver,
        frames: &mut Frames,
    ) -> Result<(), Ended> {
        let reserve = |frames: &Frames| frames.is_inside_frame() || queue.bytes.get() == 0;
        if self.budget.has_room(reserve(frames)) {
            return Ok(());
        }
        receiver.pause(|bytes| frames.feed(bytes)).await?;
        while !frames.has_ready() && !self.budget.has_room(reserve(frames)) {
            self.ring.sleep(BUDGET_WAIT).await;
        }
        Ok(())
    }

    async fn write(&self, queue: &Queue) -> Result<(), Ended> {
        loop {
            let Some(answer) = queue.next_answer().await else { return Err(Ended::Closed) };
            let mut buffers = Vec::new();
            let mut refused = collect(&mut buffers, answer);
            // Answers that are ready behind it travel in the same call.
            while refused.is_none() && buffers.len() < ANSWER_BUFFERS_PER_SEND_MAX {
                let Some(Some(answer)) = futures_lite::future::poll_once(queue.next_answer()).await
                else {
                    break;
                };
                refused = collect(&mut buffers, answer);
            }
            if !buffers.is_empty() {
                self.send(buffers).await?;
            }
            if let Some(reason) = refused {
                return Err(Ended::Refused(reason));
            }
        }
    }

    async fn send(&self, buffers: Vec<Bytes>) -> Result<(), Ended> {
        self.control.slow_since.set(Some(clock::now()));
        self.socket.send(buffers).await?;
        self.control.slow_since.set(None);
        self.control.last_active.set(clock::now());
        Ok(())
    }
}

/// Adds an answer's bytes; returns the reason when the answer is to close.
fn collect(buffers: &mut Vec<Bytes>, answer: Answer) -> Option<String> {
    match answer {
        Answer::Reply(frame) => buffers.extend(frame),
        Answer::Nothing => {}
        Answer::Close(reason) => return Some(reason),
    }
    None
}
