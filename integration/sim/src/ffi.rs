//! `src/engine/engine.h` by hand. `tests/abi.rs` asks the C compiler whether it is right.

use std::ffi::{c_char, c_int, c_void};

// The archive with the engine's symbols comes with this crate.
use libplum_sys as _;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plum_ip {
    pub family: u8,
    pub bytes: [u8; 16],
    pub scope: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plum_addr {
    pub ip: plum_ip,
    pub port: u16,
}

#[repr(C)]
pub struct plum_hooks {
    pub ctx: *mut c_void,
    pub realloc: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
    pub free: unsafe extern "C" fn(*mut c_void, *mut c_void),
    pub random: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plum_engine_config {
    pub allow: u32,
    pub lifetime: u32,
    pub discover_timeout: u32,
    pub mapping_timeout: u32,
    pub recheck_period: u32,
    pub shutdown_timeout: u32,
    pub restart_jitter: u32,
    pub log_level: c_int,
}

#[repr(C)]
pub struct plum_network_info {
    pub network: u32,
    pub ifindex: u32,
    pub local: plum_ip,
    pub gateway: plum_addr,
    pub flags: u32,
}

#[repr(C)]
pub struct plum_create {
    pub transport: u32,
    pub family: u8,
    pub internal_port: u16,
    pub suggested: plum_addr,
    pub lifetime: u32,
    pub timeout: u32,
    pub flags: u32,
    pub description: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct networks {
    pub list: *const plum_network_info,
    pub count: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct create {
    pub id: u32,
    pub options: *const plum_create,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ask {
    pub request: u32,
    pub what: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct opened {
    pub sock: u32,
    pub local: plum_addr,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct data {
    pub sock: u32,
    pub from: plum_addr,
    pub bytes: *const u8,
    pub size: usize,
    pub flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fail {
    pub sock: u32,
    pub what: u32,
    pub dead: bool,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct bytes {
    pub bytes: *const u8,
    pub size: usize,
}

#[repr(C)]
pub union event_u {
    pub networks: networks,
    pub create: create,
    pub destroy: u32,
    pub shutdown: u64,
    pub ask: ask,
    pub opened: opened,
    pub data: data,
    pub fail: fail,
    pub restore: bytes,
}

#[repr(C)]
pub struct plum_event {
    pub kind: u32,
    pub u: event_u,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct open {
    pub sock: u32,
    pub what: u32,
    pub network: u32,
    pub ifindex: u32,
    pub local: plum_ip,
    pub remote: plum_addr,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct send {
    pub sock: u32,
    pub to: plum_addr,
    pub bytes: *const u8,
    pub size: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct notify {
    pub id: u32,
    pub state: u32,
    pub by: u32,
    pub external: plum_addr,
    pub local: plum_ip,
    pub gateway: plum_addr,
    pub why: u32,
    pub why_by: u32,
    pub code: i32,
    pub lifetime: u32,
    pub expires: u64,
    pub changed: bool,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plum_item {
    pub protocol: u32,
    pub why: u32,
    pub code: i32,
    pub rtt: u32,
    pub epoch: u32,
    pub external: plum_ip,
    pub gateway: plum_addr,
    pub local: plum_ip,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct answer {
    pub request: u32,
    pub what: u32,
    pub item: plum_item,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct log {
    pub level: c_int,
    pub text: *const c_char,
}

#[repr(C)]
pub union action_u {
    pub open: open,
    pub send: send,
    pub close: u32,
    pub notify: notify,
    pub answer: answer,
    pub log: log,
    pub snapshot: bytes,
}

#[repr(C)]
pub struct plum_action {
    pub kind: u32,
    pub u: action_u,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct plum_engine_stats {
    pub sent: u64,
    pub received: u64,
    pub retransmitted: u64,
    pub dropped: u64,
    pub deletes_sent: u64,
    pub deletes_confirmed: u64,
    pub resets: u64,
    pub log_dropped: u64,
    pub handles: u32,
    pub mappings: u32,
}

#[repr(C)]
pub struct plum_engine {
    _opaque: [u8; 0],
}

extern "C" {
    pub fn plum_engine_new(
        config: *const plum_engine_config,
        hooks: *const plum_hooks,
        now: u64,
    ) -> *mut plum_engine;
    pub fn plum_engine_free(engine: *mut plum_engine);
    pub fn plum_engine_handle(
        engine: *mut plum_engine,
        now: u64,
        event: *const plum_event,
    ) -> c_int;
    pub fn plum_engine_poll(engine: *mut plum_engine, out: *mut plum_action) -> bool;
    pub fn plum_engine_deadline(engine: *const plum_engine) -> u64;
    pub fn plum_engine_read_stats(engine: *const plum_engine, out: *mut plum_engine_stats);
}
