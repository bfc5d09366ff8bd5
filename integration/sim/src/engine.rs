//! The door of the core as Rust sees it: owned events in, owned actions out, memory counted.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void, CStr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

use crate::ffi;

/// `PLUM_NEVER`.
pub(crate) const NEVER: u64 = u64::MAX;
/// `PLUM_E_NOMEM`.
pub(crate) const NO_MEMORY: c_int = -100;

/// TCP or UDP, as what is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// `PLUM_TCP`
    Tcp = 0,
    /// `PLUM_UDP`
    Udp = 1,
}

/// Settings, in milliseconds but for the lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// `PLUM_ALLOW_` bits.
    pub allow: u32,
    /// Seconds asked for.
    pub lifetime: u32,
    /// Until FAILURE without a gateway.
    pub discover_timeout: u32,
    /// Until FAILURE with one.
    pub mapping_timeout: u32,
    /// Between two questions that write nothing.
    pub recheck_period: u32,
    /// Bounds a single DESTROY.
    pub shutdown_timeout: u32,
    /// The wait after what every host heard.
    pub restart_jitter: u32,
}

/// What a CREATE wishes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Create {
    /// TCP or UDP.
    pub transport: Transport,
    /// The port on this host.
    pub port: u16,
    /// The port wished for outside; 0: none.
    pub suggested: u16,
    /// Seconds; 0: the configuration's.
    pub lifetime: u32,
    /// Milliseconds; 0: off.
    pub timeout: u32,
    /// RFC 6887 section 13.2.
    pub prefer_failure: bool,
}

/// One usable way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its stable number.
    pub number: u32,
    /// What sockets are bound to.
    pub local: IpAddr,
    /// The server.
    pub gateway: SocketAddr,
}

/// `PLUM_FAIL_`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fail {
    Refused = 1,
    Unreachable = 2,
    NoFds = 5,
}

/// What is handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Event<'a> {
    Tick,
    Networks(&'a [Network]),
    Create(u32, Create),
    Destroy(u32),
    Shutdown(u64),
    Ask(u32, u32),
    Opened(u32, SocketAddr),
    Data {
        sock: u32,
        from: SocketAddr,
        bytes: &'a [u8],
        flags: u32,
    },
    Fail(u32, Fail, bool),
}

/// `PLUM_DATA_TRUNCATED`
pub(crate) const TRUNCATED: u32 = 1;
/// `PLUM_DATA_MULTICAST`
pub(crate) const MULTICAST: u32 = 2;

/// `PLUM_OPEN_`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum OpenKind {
    Udp,
    Ssdp,
    Announce,
    Tcp,
}

/// `plum_is`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Is {
    Destroyed,
    Success,
    Failure,
    Unknown(u32),
}

/// What a mapping is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Notify {
    pub id: u32,
    pub is: Is,
    pub by: u32,
    pub external: Option<SocketAddr>,
    pub why: u32,
    pub why_by: u32,
    pub code: i32,
    pub lifetime: u32,
    pub expires: u64,
    pub changed: bool,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Action {
    Open {
        sock: u32,
        what: OpenKind,
        local: Option<IpAddr>,
        remote: Option<SocketAddr>,
    },
    Send {
        sock: u32,
        to: Option<SocketAddr>,
        bytes: Vec<u8>,
    },
    Close(u32),
    Notify(Notify),
    Answer {
        request: u32,
        what: u32,
        protocol: u32,
        why: u32,
        external: Option<IpAddr>,
    },
    Stopped,
    Log(String),
    Other(u32),
}

/// What the hooks know: a stream of randomness, and who holds what memory.
struct Hooks {
    random: u64,
    live: BTreeMap<usize, usize>,
    asked: u64,
    fail_at: Option<u64>,
}

extern "C" {
    fn realloc(p: *mut c_void, size: usize) -> *mut c_void;
    fn free(p: *mut c_void);
}

unsafe extern "C" fn hook_realloc(ctx: *mut c_void, p: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: `ctx` is the Hooks that `Engine` owns and outlives the engine with; the engine calls
    // hooks only within a call of ours, and none of those holds a reference to it.
    let hooks = unsafe { &mut *ctx.cast::<Hooks>() };
    hooks.asked += 1;
    if hooks.fail_at == Some(hooks.asked) {
        return ptr::null_mut();
    }
    // SAFETY: `p` is null or came from here and was not freed: the engine's contract with its hook.
    let new = unsafe { realloc(p, size) };
    assert!(!new.is_null(), "this machine is out of memory");
    hooks.live.remove(&(p as usize));
    hooks.live.insert(new as usize, size);
    new
}

unsafe extern "C" fn hook_free(ctx: *mut c_void, p: *mut c_void) {
    // SAFETY: as in hook_realloc.
    let hooks = unsafe { &mut *ctx.cast::<Hooks>() };
    hooks.live.remove(&(p as usize));
    // SAFETY: as in hook_realloc.
    unsafe { free(p) };
}

unsafe extern "C" fn hook_random(ctx: *mut c_void, buf: *mut c_void, size: usize) -> c_int {
    // SAFETY: as in hook_realloc.
    let hooks = unsafe { &mut *ctx.cast::<Hooks>() };
    // SAFETY: the engine gives a buffer of `size` bytes.
    let out = unsafe { std::slice::from_raw_parts_mut(buf.cast::<u8>(), size) };
    for byte in out {
        *byte = crate::rng::next(&mut hooks.random) as u8;
    }
    0
}

/// One engine.
pub struct Engine {
    raw: *mut ffi::plum_engine,
    hooks: *mut Hooks,
}

impl Engine {
    /// A new engine whose randomness comes from the seed. `fail_at`: this allocation fails, counted
    /// from 1. `None` when it would not start, which only a failed allocation explains.
    pub fn new(
        config: &Config,
        seed: u64,
        now: u64,
        fail_at: Option<u64>,
        log: bool,
    ) -> Option<Self> {
        let hooks = Box::into_raw(Box::new(Hooks {
            random: seed,
            live: BTreeMap::new(),
            asked: 0,
            fail_at,
        }));
        let config = ffi::plum_engine_config {
            allow: config.allow,
            lifetime: config.lifetime,
            discover_timeout: config.discover_timeout,
            mapping_timeout: config.mapping_timeout,
            recheck_period: config.recheck_period,
            shutdown_timeout: config.shutdown_timeout,
            restart_jitter: config.restart_jitter,
            log_level: if log { 0 } else { 6 },
        };
        let table = ffi::plum_hooks {
            ctx: hooks.cast(),
            realloc: hook_realloc,
            free: hook_free,
            random: hook_random,
        };
        // SAFETY: both structs are read within the call (the hooks are copied), and the context
        // lives until after plum_engine_free.
        let raw = unsafe { ffi::plum_engine_new(&config, &table, now) };
        let engine = Self { raw, hooks };
        (!raw.is_null()).then_some(engine)
    }

    /// Hands in an event; the result is `PLUM_E_`.
    pub fn handle(&mut self, now: u64, event: Event<'_>) -> c_int {
        let list: Vec<_>;
        let options;
        let (kind, u) = match event {
            Event::Tick => (1, ffi::event_u { destroy: 0 }),
            Event::Networks(networks) => {
                list = networks.iter().map(network).collect();
                let networks = ffi::networks {
                    list: list.as_ptr(),
                    count: list.len(),
                };
                (2, ffi::event_u { networks })
            }
            Event::Create(id, create) => {
                options = ffi::plum_create {
                    transport: create.transport as u32,
                    family: 4,
                    internal_port: create.port,
                    suggested: ffi::plum_addr {
                        ip: none(),
                        port: create.suggested,
                    },
                    lifetime: create.lifetime,
                    timeout: create.timeout,
                    flags: u32::from(create.prefer_failure),
                    description: ptr::null(),
                };
                let create = ffi::create {
                    id,
                    options: &options,
                };
                (3, ffi::event_u { create })
            }
            Event::Destroy(id) => (4, ffi::event_u { destroy: id }),
            Event::Shutdown(deadline) => (5, ffi::event_u { shutdown: deadline }),
            Event::Ask(request, what) => {
                let ask = ffi::ask { request, what };
                (6, ffi::event_u { ask })
            }
            Event::Opened(sock, local) => {
                let local = addr_to_c(local);
                let opened = ffi::opened { sock, local };
                (8, ffi::event_u { opened })
            }
            Event::Data {
                sock,
                from,
                bytes,
                flags,
            } => {
                let data = ffi::data {
                    sock,
                    from: addr_to_c(from),
                    bytes: bytes.as_ptr(),
                    size: bytes.len(),
                    flags,
                };
                (9, ffi::event_u { data })
            }
            Event::Fail(sock, what, dead) => {
                let what = what as u32;
                let fail = ffi::fail { sock, what, dead };
                (10, ffi::event_u { fail })
            }
        };
        let event = ffi::plum_event { kind, u };
        // SAFETY: the engine is live; the event and all that it points to (`list`, `options`,
        // `bytes`) outlive the call, and `kind` names the member that was written.
        unsafe { ffi::plum_engine_handle(self.raw, now, &event) }
    }

    /// The next action.
    pub fn poll(&mut self) -> Option<Action> {
        let mut out = std::mem::MaybeUninit::<ffi::plum_action>::zeroed();
        // SAFETY: the engine is live and `out` has room for an action.
        if !unsafe { ffi::plum_engine_poll(self.raw, out.as_mut_ptr()) } {
            return None;
        }
        // SAFETY: all bytes are initialised, and every field is an integer, a pointer, or a bool
        // that C wrote.
        let action = unsafe { out.assume_init() };
        // SAFETY: `kind` tells which member the engine wrote; what it points to lives until the
        // next call, which borrows `self` again.
        Some(unsafe { action_from_c(&action) })
    }

    /// When a tick is wanted.
    pub fn deadline(&self) -> u64 {
        // SAFETY: the engine is live.
        unsafe { ffi::plum_engine_deadline(self.raw) }
    }

    /// The counters.
    pub fn stats(&self) -> ffi::plum_engine_stats {
        let mut out = ffi::plum_engine_stats::default();
        // SAFETY: the engine is live and `out` is writable.
        unsafe { ffi::plum_engine_read_stats(self.raw, &mut out) };
        out
    }

    /// How many allocations were asked for so far.
    pub fn allocations(&self) -> u64 {
        // SAFETY: the hooks live as long as `self`, and no hook runs now.
        unsafe { (*self.hooks).asked }
    }

    /// Ends it; whether all memory came back.
    pub fn end(mut self) -> bool {
        // SAFETY: the engine is live, and null from the next line on, which Drop may free again.
        unsafe { ffi::plum_engine_free(self.raw) };
        self.raw = ptr::null_mut();
        // SAFETY: the hooks live as long as `self`, and no hook runs now.
        unsafe { (*self.hooks).live.is_empty() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: freed once (null is fine), before its hooks, which `new` made by Box::into_raw.
        unsafe {
            ffi::plum_engine_free(self.raw);
            drop(Box::from_raw(self.hooks));
        }
    }
}

fn none() -> ffi::plum_ip {
    ffi::plum_ip {
        family: 0,
        bytes: [0; 16],
        scope: 0,
    }
}

fn ip_to_c(ip: IpAddr) -> ffi::plum_ip {
    let mut out = none();
    match ip {
        IpAddr::V4(ip) => {
            out.family = 4;
            out.bytes[..4].copy_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.family = 6;
            out.bytes = ip.octets();
        }
    }
    out
}

fn addr_to_c(addr: SocketAddr) -> ffi::plum_addr {
    ffi::plum_addr {
        ip: ip_to_c(addr.ip()),
        port: addr.port(),
    }
}

fn ip_from_c(ip: &ffi::plum_ip) -> Option<IpAddr> {
    let [a, b, c, d, ..] = ip.bytes;
    match ip.family {
        4 => Some(Ipv4Addr::new(a, b, c, d).into()),
        6 => Some(Ipv6Addr::from(ip.bytes).into()),
        _ => None,
    }
}

fn addr_from_c(addr: &ffi::plum_addr) -> Option<SocketAddr> {
    ip_from_c(&addr.ip).map(|ip| SocketAddr::new(ip, addr.port))
}

fn network(network: &Network) -> ffi::plum_network_info {
    ffi::plum_network_info {
        network: network.number,
        ifindex: network.number,
        local: ip_to_c(network.local),
        gateway: addr_to_c(network.gateway),
        flags: 1,
    }
}

/// # Safety
///
/// `kind` tells which member of `u` was written, and its pointers are valid.
unsafe fn action_from_c(a: &ffi::plum_action) -> Action {
    // SAFETY: the caller's promise, for each branch.
    unsafe {
        match a.kind {
            1 => Action::Open {
                sock: a.u.open.sock,
                what: match a.u.open.what {
                    1 => OpenKind::Udp,
                    2 => OpenKind::Ssdp,
                    3 => OpenKind::Announce,
                    _ => OpenKind::Tcp,
                },
                local: ip_from_c(&a.u.open.local),
                remote: addr_from_c(&a.u.open.remote),
            },
            2 => Action::Send {
                sock: a.u.send.sock,
                to: addr_from_c(&a.u.send.to),
                bytes: std::slice::from_raw_parts(a.u.send.bytes, a.u.send.size).to_vec(),
            },
            3 => Action::Close(a.u.close),
            4 => Action::Notify(Notify {
                id: a.u.notify.id,
                is: match a.u.notify.state {
                    0 => Is::Destroyed,
                    2 => Is::Success,
                    3 => Is::Failure,
                    n => Is::Unknown(n),
                },
                by: a.u.notify.by,
                external: addr_from_c(&a.u.notify.external),
                why: a.u.notify.why,
                why_by: a.u.notify.why_by,
                code: a.u.notify.code,
                lifetime: a.u.notify.lifetime,
                expires: a.u.notify.expires,
                changed: a.u.notify.changed,
            }),
            5 => Action::Answer {
                request: a.u.answer.request,
                what: a.u.answer.what,
                protocol: a.u.answer.item.protocol,
                why: a.u.answer.item.why,
                external: ip_from_c(&a.u.answer.item.external),
            },
            6 => Action::Stopped,
            7 => Action::Log(CStr::from_ptr(a.u.log.text).to_string_lossy().into_owned()),
            n => Action::Other(n),
        }
    }
}
