//! What each mapping was told: the grammar of callbacks, and the bounds on when.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::engine::{Create, Is, Notify};

/// What an id believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Success { external: SocketAddr, expires: u64 },
    Failure,
    Destroyed,
}

#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) create: Create,
    pub(crate) state: State,
    /// DESTROY or SHUTDOWN came.
    pub(crate) leaving: Option<u64>,
    /// Since when its news has been overdue, if nothing was told yet.
    pub(crate) waits_since: u64,
    /// When it was last mapped, or began to wait.
    pub(crate) well_at: u64,
    /// Since when what it believes is not so.
    pub(crate) wrong_since: Option<u64>,
    /// Until when a wrong belief is nobody's fault.
    pub(crate) excused_until: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) ids: BTreeMap<u32, Told>,
}

impl Book {
    pub(crate) fn create(&mut self, now: u64, id: u32, create: Create) {
        let told = Told {
            create,
            state: State::Pending,
            leaving: None,
            waits_since: now,
            well_at: now,
            wrong_since: None,
            excused_until: 0,
        };
        self.ids.insert(id, told);
    }

    pub(crate) fn leave(&mut self, now: u64, id: u32) {
        if let Some(told) = self.ids.get_mut(&id) {
            told.leaving.get_or_insert(now);
        }
    }

    /// Those that want this port and may be asked for.
    pub(crate) fn is_wanted(&self, transport: u8, port: u16) -> bool {
        self.ids.values().any(|told| {
            told.leaving.is_none()
                && told.create.transport as u8 == transport
                && told.create.port == port
        })
    }

    /// Whether all that wanted this port have been told that it is over.
    pub(crate) fn is_over(&self, transport: u8, port: u16) -> bool {
        self.ids
            .values()
            .filter(|t| t.create.transport as u8 == transport && t.create.port == port)
            .all(|t| t.state == State::Destroyed)
    }

    /// Takes in a NOTIFY; `now` is the engine's.
    pub(crate) fn notify(&mut self, now: u64, n: &Notify) -> Result<(), String> {
        let Some(told) = self.ids.get_mut(&n.id) else {
            return Err(format!("news for id {} that nobody made", n.id));
        };
        if told.state == State::Destroyed {
            return Err(format!("id {}: {:?} after DESTROYED", n.id, n.is));
        }
        if told.leaving.is_some() && n.is != Is::Destroyed {
            return Err(format!(
                "id {}: {:?} after it was to be destroyed",
                n.id, n.is
            ));
        }
        match n.is {
            Is::Success => {
                let external = n
                    .external
                    .filter(|addr| addr.port() != 0 && !addr.ip().is_unspecified());
                let Some(external) = external else {
                    return Err(format!("id {}: SUCCESS without an address: {n:?}", n.id));
                };
                if n.expires <= now || n.why != 0 || n.by == 0 {
                    return Err(format!("id {}: a SUCCESS that makes no sense: {n:?}", n.id));
                }
                if told.create.prefer_failure && external.port() != told.create.suggested {
                    return Err(format!(
                        "id {}: another port than it insists on: {n:?}",
                        n.id
                    ));
                }
                let quiet_change = !n.changed
                    && !matches!(told.state, State::Success { external: old, .. } if old == external);
                if quiet_change {
                    return Err(format!("id {}: a change that is called none: {n:?}", n.id));
                }
                told.state = State::Success {
                    external,
                    expires: n.expires,
                };
            }
            Is::Failure => {
                if n.external.is_some() || n.why == 0 || !n.changed {
                    return Err(format!("id {}: a FAILURE that makes no sense: {n:?}", n.id));
                }
                told.state = State::Failure;
            }
            Is::Destroyed if told.leaving.is_none() => {
                return Err(format!("id {}: DESTROYED, which nobody asked for", n.id));
            }
            Is::Destroyed => told.state = State::Destroyed,
            Is::Unknown(n) => return Err(format!("a state of number {n}")),
        }
        told.wrong_since = None;
        Ok(())
    }
}
