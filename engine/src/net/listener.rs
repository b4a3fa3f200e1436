//! A shard's door: accepts clients up to a limit, ends those that stand still, drains at shutdown.

use std::{
    cell::RefCell,
    net::TcpListener,
    rc::Rc,
    time::{Duration, Instant},
};

use slab::Slab;
use tracing::{debug, warn};

use super::{
    Service,
    budget::Budget,
    connection::{Connection, Control, Ended},
};
use crate::{
    clock,
    limits::CONNECTION_STALL_MS_MAX,
    ring::{
        driver::Ring,
        executor,
        sockets::{Listener, Socket},
    },
};

/// How often connections are looked at for standing still.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Pause after a refused accept (out of descriptors), so that the loop does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// [`CONNECTION_STALL_MS_MAX`] as a duration.
const STALL_MAX: Duration = Duration::from_millis(CONNECTION_STALL_MS_MAX);

/// What a door needs to know.
#[derive(Clone, Debug)]
pub struct DoorConfig {
    /// Largest frame a client may send.
    pub frame_bytes_max: usize,
    /// Request bytes of all connections together.
    pub request_bytes_max: usize,
    /// Connections at one time (`network.connections.max`). Full: a new one is closed at once.
    pub connections_max: usize,
    /// A connection without traffic for this long is closed (`connections.max.idle.ms`).
    pub idle_max: Duration,
}

/// The connections of a shard.
pub struct Door<S> {
    ring: Ring,
    service: Rc<S>,
    config: DoorConfig,
    budget: Budget,
    connections: RefCell<Slab<(Rc<Control>, Socket)>>,
}

impl<S: Service> Door<S> {
    /// A door that lets nobody in yet.
    pub fn new(ring: Ring, service: Rc<S>, config: DoorConfig) -> Rc<Self> {
        let budget = Budget::new(config.request_bytes_max);
        Rc::new(Self { ring, service, config, budget, connections: RefCell::default() })
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Accepts clients on `socket` until dropped.
    pub async fn accept(self: Rc<Self>, socket: TcpListener) {
        executor::spawn(Rc::clone(&self).sweep());
        let mut listener = Listener::new(&self.ring, socket);
        loop {
            match listener.accept().await {
                Ok(socket) => self.admit(socket),
                Err(error) => {
                    warn!(%error, "cannot accept a client; raise LimitNOFILE if this repeats");
                    self.ring.sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Lets running answers finish, for at most `patience`; then closes what is left.
    pub async fn drain(&self, patience: Duration) {
        let end = clock::now() + patience;
        self.connections.borrow().iter().for_each(|(_, (control, _))| control.drain());
        while self.connections() > 0 && clock::now() < end {
            self.ring.sleep(Duration::from_millis(5)).await;
        }
        self.connections.borrow().iter().for_each(|(_, (_, socket))| socket.shutdown());
    }

    fn admit(self: &Rc<Self>, socket: Socket) {
        let (Ok(peer), Ok(())) = (socket.peer_address(), socket.set_nodelay()) else { return };
        if self.connections() >= self.config.connections_max {
            warn!(%peer, "connection refused: the shard's limit of connections is reached");
            socket.shutdown();
            return;
        }
        let control = Rc::new(Control::new());
        let key = self.connections.borrow_mut().insert((Rc::clone(&control), socket.clone()));
        let connection = Connection {
            ring: self.ring.clone(),
            socket,
            peer,
            service: Rc::clone(&self.service),
            budget: self.budget.clone(),
            frame_bytes_max: self.config.frame_bytes_max,
            control,
        };
        let door = Rc::clone(self);
        executor::spawn(async move {
            match connection.serve().await {
                Ended::Closed | Ended::Io(_) => debug!(%peer, "connection closed"),
                ended => warn!(%peer, "connection closed: {ended}"),
            }
            door.connections.borrow_mut().remove(key);
        });
    }

    async fn sweep(self: Rc<Self>) {
        loop {
            self.ring.sleep(SWEEP_EVERY).await;
            let now = clock::now();
            for (_, (control, socket)) in &*self.connections.borrow() {
                if self.stands_still(control, now) {
                    socket.shutdown();
                }
            }
        }
    }

    /// Too long idle, inside one frame, or over one answer.
    fn stands_still(&self, control: &Control, now: Instant) -> bool {
        let stalled = control
            .slow_since
            .get()
            .is_some_and(|since| now.saturating_duration_since(since) > STALL_MAX);
        let idle = now.saturating_duration_since(control.last_active.get()) > self.config.idle_max;
        stalled || idle
    }
}
