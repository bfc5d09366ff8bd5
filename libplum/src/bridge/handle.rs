//! Owned handles over the C interface: a client, a mapping, a question.

use std::collections::BTreeSet;
use std::ffi::{c_int, CString};
use std::mem::zeroed;
use std::net::IpAddr;
use std::ptr::{null, null_mut, NonNull};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use libplum_sys as ffi;

use super::callback::{self, AskCell, CloseCell, Closing, MappingCell, OnChange, Outcome};
use super::convert;
use super::registry::{self, EngineRef, HandleRef, Live};
use super::sync::Ordering;
use crate::event::{Broadcast, Events};
use crate::{Answer, Error, Family, Protocol, State, Stats, Transport};

/// What a client is made of, checked by the builder.
pub(crate) struct ClientConfig {
    pub(crate) gateway: Option<CString>,
    pub(crate) gateway_port: Option<u16>,
    pub(crate) interface: Option<CString>,
    pub(crate) protocols: Option<Vec<Protocol>>,
    pub(crate) lifetime_s: Option<u32>,
    pub(crate) discover_timeout_ms: Option<i32>,
    pub(crate) mapping_timeout_ms: Option<i32>,
    pub(crate) recheck_period_ms: Option<i32>,
    pub(crate) shutdown_timeout_ms: Option<i32>,
    pub(crate) restart_jitter_ms: Option<i32>,
}

/// What a mapping is made of, checked by the request.
pub(crate) struct MapConfig {
    pub(crate) transport: Transport,
    pub(crate) internal_port: u16,
    pub(crate) external_port: u16,
    pub(crate) external_ip: Option<IpAddr>,
    pub(crate) prefer_failure: bool,
    pub(crate) lifetime_s: u32,
    pub(crate) timeout_ms: i32,
    pub(crate) family: Option<Family>,
    pub(crate) description: Option<CString>,
    pub(crate) on_change: Option<OnChange>,
}

/// One engine with its thread.
pub(crate) struct ClientHandle {
    raw: NonNull<ffi::plum_client_t>,
    live: Live,
    hub: Arc<Broadcast>,
    /// The mappings whose handles are held.
    ids: StdMutex<BTreeSet<c_int>>,
    /// Whether the close has begun.
    closing: StdMutex<bool>,
    closed: Arc<Closing>,
}

// SAFETY: client.h lets every function but plum_client_free be called from any thread at any time;
// free is called by `drop`, when no other reference to this handle is left.
unsafe impl Send for ClientHandle {}
// SAFETY: as above.
unsafe impl Sync for ClientHandle {}

impl ClientHandle {
    pub(crate) fn new(config: &ClientConfig) -> Result<Arc<Self>, Error> {
        // SAFETY: all zeros is a valid value of this struct of integers and nullable pointers.
        let mut options: ffi::plum_client_options_t = unsafe { zeroed() };
        // SAFETY: `options` is as large as we say.
        unsafe { ffi::plum_client_options_default(&mut options, size_of_val(&options)) };
        options.log_callback = Some(callback::on_log);
        options.log_level = convert::from_log_filter(log::max_level());
        options.gateway = config.gateway.as_ref().map_or(null(), |text| text.as_ptr());
        options.interface_name = config
            .interface
            .as_ref()
            .map_or(null(), |text| text.as_ptr());
        if let Some(protocols) = &config.protocols {
            options.protocols = protocols
                .iter()
                .filter_map(|p| convert::protocol_bit(*p))
                .fold(0, |a, b| a | b);
        }
        set(&mut options.gateway_port, config.gateway_port);
        set(&mut options.lifetime_s, config.lifetime_s);
        set(&mut options.discover_timeout_ms, config.discover_timeout_ms);
        set(&mut options.mapping_timeout_ms, config.mapping_timeout_ms);
        set(&mut options.recheck_period_ms, config.recheck_period_ms);
        set(&mut options.shutdown_timeout_ms, config.shutdown_timeout_ms);
        set(&mut options.restart_jitter_ms, config.restart_jitter_ms);

        let mut raw = null_mut();
        // SAFETY: the options and the texts they point to outlive the call, which copies them.
        let result = unsafe { ffi::plum_client_new(&options, &mut raw) };
        let raw = match (result, NonNull::new(raw)) {
            (0.., Some(raw)) => raw,
            (ffi::PLUM_ERR_INVALID, _) => {
                return Err(Error::invalid("client option", "the engine refuses it"))
            }
            _ => return Err(Error::Resources),
        };
        let hub = Arc::new(Broadcast::new());
        Ok(Arc::new(Self {
            raw,
            live: Live::new(),
            hub: hub.clone(),
            ids: StdMutex::default(),
            closing: StdMutex::new(false),
            closed: Arc::new(Closing::new(hub)),
        }))
    }

    pub(crate) fn map(self: &Arc<Self>, config: MapConfig) -> Result<MappingHandle, Error> {
        // SAFETY: all zeros is a valid value of this struct of integers and nullable pointers.
        let mut options: ffi::plum_map_options_t = unsafe { zeroed() };
        // SAFETY: `options` is as large as we say.
        unsafe { ffi::plum_map_options_default(&mut options, size_of_val(&options)) };
        options.transport = convert::from_transport(config.transport);
        options.internal_port = config.internal_port;
        options.lifetime_s = config.lifetime_s;
        options.timeout_ms = config.timeout_ms;
        options.family = convert::family(config.family);
        options.suggested = convert::from_ip(config.external_ip, config.external_port);
        if config.prefer_failure {
            options.flags |= ffi::PLUM_MAP_PREFER_FAILURE;
        }
        options.description = config
            .description
            .as_ref()
            .map_or(null(), |text| text.as_ptr());
        let cell = MappingCell::new(self.hub.clone(), config.on_change);
        let (slot, engine) = registry::insert(&self.live, cell);

        // Ownership crosses here, after everything else that can fail.
        options.user_ptr = engine.into_user_ptr();
        // SAFETY: the client is live; the options outlive the call, which copies them; the slot
        // stays where it is until DESTROYED has returned.
        let id = unsafe {
            ffi::plum_client_map(self.raw.as_ptr(), &options, Some(callback::on_mapping))
        };
        if id < 0 {
            // SAFETY: refused: the callback will never be called (client.h), so that the engine's
            // reference is ours again.
            drop(unsafe { EngineRef::<MappingCell>::from_user_ptr(options.user_ptr) });
            return Err(self.refused(id));
        }
        self.ids().insert(id);
        let seen = StdMutex::new(0);
        Ok(MappingHandle {
            client: self.clone(),
            slot,
            id,
            seen,
        })
    }

    pub(crate) fn ask(self: &Arc<Self>, what: ffi::plum_ask_t) -> Result<AskHandle, Error> {
        let (slot, engine) = registry::insert(&self.live, AskCell::new());
        let ctx = engine.into_user_ptr();
        // SAFETY: the client is live; the slot stays where it is until the last answer has returned.
        let request = unsafe {
            ffi::plum_client_ask(self.raw.as_ptr(), what, Some(callback::on_answer), ctx)
        };
        if request < 1 {
            // SAFETY: refused: the callback will never be called (client.h).
            drop(unsafe { EngineRef::<AskCell>::from_user_ptr(ctx) });
            return Err(self.refused(request));
        }
        Ok(AskHandle {
            client: self.clone(),
            slot,
            request,
        })
    }

    fn refused(&self, result: c_int) -> Error {
        match result {
            ffi::PLUM_ERR_INVALID => Error::invalid("option", "the engine refuses it"),
            ffi::PLUM_ERR_FAILED if self.is_closing() => Error::Closed,
            ffi::PLUM_ERR_FAILED => Error::Resources,
            other => Error::Unknown {
                reason: other.into(),
            },
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self) -> std::sync::MutexGuard<'_, BTreeSet<c_int>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the close, once.
    pub(crate) fn close(&self) -> Result<(), Error> {
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        if *closing {
            return Ok(());
        }
        let (slot, engine) = registry::insert(&self.live, CloseCell(self.closed.clone()));
        drop(slot);
        let ctx = engine.into_user_ptr();
        // SAFETY: the client is live; the slot stays where it is until `on_closed` takes it back.
        // The call never blocks, and calls nobody on this thread, so our lock may be held.
        let result =
            unsafe { ffi::plum_client_close(self.raw.as_ptr(), Some(callback::on_closed), ctx) };
        if result < 0 {
            // SAFETY: refused: `on_closed` will not be called (client.h).
            drop(unsafe { EngineRef::<CloseCell>::from_user_ptr(ctx) });
            return Err(Error::Closed);
        }
        *closing = true;
        Ok(())
    }

    /// Waits for the last callback of a client that is being closed.
    pub(crate) async fn closed(&self) {
        let closed = &self.closed;
        closed
            .signal
            .wait(|| closed.ended.load(Ordering::SeqCst).then_some(()))
            .await;
    }

    /// Waits until the thread has ended.
    pub(crate) fn join(&self, timeout_ms: i32) -> Result<(), Error> {
        // SAFETY: the client is live.
        match unsafe { ffi::plum_client_join(self.raw.as_ptr(), timeout_ms) } {
            0.. => Ok(()),
            ffi::PLUM_ERR_NOT_AVAIL => Err(Error::TimedOut),
            ffi::PLUM_ERR_FAILED => Err(Error::EngineThread),
            other => Err(Error::Unknown {
                reason: other.into(),
            }),
        }
    }

    fn query(&self, id: c_int) -> Option<ffi::plum_mapping_info_t> {
        // SAFETY: all zeros is a valid value of this struct of integers and a nullable pointer.
        let mut info: ffi::plum_mapping_info_t = unsafe { zeroed() };
        // SAFETY: the client is live, and `info` is as large as we say.
        let result =
            unsafe { ffi::plum_client_query(self.raw.as_ptr(), id, &mut info, size_of_val(&info)) };
        (result >= 0).then_some(info)
    }

    pub(crate) fn active_mappings(&self) -> usize {
        let ids: Vec<c_int> = self.ids().iter().copied().collect();
        let records = ids.into_iter().filter_map(|id| self.query(id));
        records
            .filter(|info| info.state == ffi::PLUM_STATE_SUCCESS)
            .count()
    }

    pub(crate) fn live_callbacks(&self) -> usize {
        self.live.count()
    }

    pub(crate) fn events(&self) -> Events {
        self.hub.subscribe()
    }

    pub(crate) fn stats(&self) -> Stats {
        // SAFETY: all zeros is a valid value of this struct of integers.
        let mut raw: ffi::plum_client_stats_t = unsafe { zeroed() };
        raw.size = size_of::<ffi::plum_client_stats_t>();
        // SAFETY: the client is live, and `raw` is as large as we say. A refusal leaves zeros.
        unsafe { ffi::plum_client_stats(self.raw.as_ptr(), &mut raw, size_of_val(&raw)) };
        Stats {
            sent: raw.sent,
            received: raw.received,
            retransmitted: raw.retransmitted,
            dropped: raw.dropped,
            deletes_sent: raw.deletes_sent,
            deletes_confirmed: raw.deletes_confirmed,
            resets: raw.resets,
            wakeups: raw.wakeups,
            log_dropped: raw.log_dropped,
            mappings: raw.mappings,
            heap_bytes: raw.heap_bytes,
            heap_peak_bytes: raw.heap_peak_bytes,
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl Drop for ClientHandle {
    fn drop(&mut self) {
        // SAFETY: nobody else has a reference to this handle, so no call is under way and none can
        // follow. It closes what is not closed, never blocks, and may run on the engine's thread.
        unsafe { ffi::plum_client_free(self.raw.as_ptr()) };
    }
}

/// One mapping; dropping it unmaps in the background.
pub(crate) struct MappingHandle {
    client: Arc<ClientHandle>,
    slot: HandleRef<MappingCell>,
    id: c_int,
    /// The record's change counter that `changed` has told last. Not an atomic: some 32-bit systems
    /// have none of this size.
    seen: StdMutex<u64>,
}

impl MappingHandle {
    pub(crate) fn id(&self) -> i32 {
        self.id
    }

    /// The published record.
    pub(crate) fn state(&self) -> State {
        self.client
            .query(self.id)
            .map_or(State::Unmapped, |info| convert::state(&info))
    }

    pub(crate) fn remaining(&self) -> Option<std::time::Duration> {
        self.client
            .query(self.id)
            .and_then(|info| convert::remaining(&info))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.slot.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn events(&self) -> Events {
        self.slot.streams.subscribe()
    }

    /// The first of SUCCESS, FAILURE, DESTROYED: once.
    pub(crate) async fn first(&self) -> State {
        let Outcome { state, changes } = self.slot.signal.wait(|| self.slot.first.take()).await;
        self.is_news(changes);
        state
    }

    /// The next state that `changed` has not told yet; `None` after the end.
    pub(crate) async fn changed(&self) -> Option<State> {
        let look = || {
            if self.has_ended() {
                return Some(None);
            }
            let info = self.client.query(self.id)?;
            self.is_news(info.changes)
                .then(|| Some(convert::state(&info)))
        };
        self.slot.signal.wait(look).await
    }

    /// Whether this is newer than what has been told; from now on it has been told.
    fn is_news(&self, changes: u64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let news = changes > *seen;
        *seen = changes.max(*seen);
        news
    }

    /// Waits for what `look` finds in the published record.
    pub(crate) async fn wait<T>(&self, look: impl FnMut() -> Option<T>) -> T {
        self.slot.signal.wait(look).await
    }

    /// Begins to unmap.
    pub(crate) fn unmap(&self) {
        self.client.ids().remove(&self.id);
        // SAFETY: the client is live. A refusal means that the mapping has ended already.
        unsafe { ffi::plum_client_unmap(self.client.raw.as_ptr(), self.id) };
    }

    pub(crate) fn end_error(&self) -> Error {
        if self.client.is_closing() {
            Error::Closed
        } else {
            Error::Destroyed
        }
    }
}

impl Drop for MappingHandle {
    fn drop(&mut self) {
        self.unmap();
    }
}

/// One question; dropping it early cancels it.
pub(crate) struct AskHandle {
    client: Arc<ClientHandle>,
    slot: HandleRef<AskCell>,
    request: c_int,
}

impl AskHandle {
    /// All answers, once.
    pub(crate) async fn answers(&self) -> Result<Vec<Answer>, Error> {
        let (result, items) = self.slot.signal.wait(|| self.slot.end.take()).await;
        match result {
            0.. => Ok(items),
            // With items: everybody said why not. Without: there was nobody to ask.
            ffi::PLUM_ERR_NOT_AVAIL => Ok(items),
            ffi::PLUM_ERR_FAILED if self.client.is_closing() => Err(Error::Closed),
            ffi::PLUM_ERR_FAILED => Err(Error::Resources),
            other => Err(Error::Unknown {
                reason: other.into(),
            }),
        }
    }
}

impl Drop for AskHandle {
    fn drop(&mut self) {
        if !self.slot.ended.load(Ordering::SeqCst) {
            // SAFETY: the client is live. A refusal means that the question has just ended.
            unsafe { ffi::plum_client_ask_cancel(self.client.raw.as_ptr(), self.request) };
        }
    }
}

pub(crate) fn local_address() -> Option<IpAddr> {
    let mut raw = convert::NO_ADDRESS;
    // SAFETY: `raw` is valid for writing; the function needs no client.
    let result = unsafe { ffi::plum_client_local_address(0, &mut raw) };
    (result >= 0).then(|| convert::ip(&raw)).flatten()
}

pub(crate) fn supported_protocols() -> Vec<Protocol> {
    // SAFETY: the function takes nothing and touches nothing.
    convert::protocols(unsafe { ffi::plum_client_protocols() })
}
