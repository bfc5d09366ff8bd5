// Written by `./dev bindings` from plum/client.h: do not edit.

pub const PLUM_PROTOCOLS_PCP: u32 = 1;
pub const PLUM_PROTOCOLS_NATPMP: u32 = 2;
pub const PLUM_PROTOCOLS_UPNP: u32 = 4;
pub const PLUM_PROTOCOLS_ALL: u32 = 7;
pub const PLUM_CLIENT_FEED_NETWORKS: u32 = 1;
pub const PLUM_MAP_PREFER_FAILURE: u32 = 1;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct plum_client {
    _unused: [u8; 0],
}
pub type plum_client_t = plum_client;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct plum_address_t {
    pub family: u8,
    pub reserved: u8,
    pub port: u16,
    pub scope_id: u32,
    pub ip: [u8; 16usize],
}
pub const PLUM_REASON_NONE: plum_reason_t = 0;
pub const PLUM_REASON_NO_GATEWAY: plum_reason_t = 1;
pub const PLUM_REASON_NO_ANSWER: plum_reason_t = 2;
pub const PLUM_REASON_CLOSED: plum_reason_t = 3;
pub const PLUM_REASON_REFUSED: plum_reason_t = 4;
pub const PLUM_REASON_TIMED_OUT: plum_reason_t = 5;
pub const PLUM_REASON_UNSUPPORTED: plum_reason_t = 6;
pub const PLUM_REASON_PORT_TAKEN: plum_reason_t = 7;
pub const PLUM_REASON_RESOURCES: plum_reason_t = 8;
pub const PLUM_REASON_EXPIRED: plum_reason_t = 9;
pub const PLUM_REASON_CLOSING: plum_reason_t = 10;
pub type plum_reason_t = ::core::ffi::c_uint;
pub type plum_client_log_callback_t = ::core::option::Option<
    unsafe extern "C" fn(
        ctx: *mut ::core::ffi::c_void,
        level: plum_log_level_t,
        message: *const ::core::ffi::c_char,
    ),
>;
#[repr(C)]
pub struct plum_client_options_t {
    pub size: usize,
    pub log_callback: plum_client_log_callback_t,
    pub log_ctx: *mut ::core::ffi::c_void,
    pub gateway: *const ::core::ffi::c_char,
    pub interface_name: *const ::core::ffi::c_char,
    pub log_level: plum_log_level_t,
    pub flags: u32,
    pub protocols: u32,
    pub lifetime_s: u32,
    pub discover_timeout_ms: ::core::ffi::c_int,
    pub mapping_timeout_ms: ::core::ffi::c_int,
    pub recheck_period_ms: ::core::ffi::c_int,
    pub shutdown_timeout_ms: ::core::ffi::c_int,
    pub restart_jitter_ms: ::core::ffi::c_int,
    pub gateway_port: u16,
    pub reserved: [u16; 3usize],
}
#[repr(C)]
pub struct plum_map_options_t {
    pub size: usize,
    pub transport: plum_ip_protocol_t,
    pub flags: u32,
    pub internal_port: u16,
    pub reserved: u16,
    pub lifetime_s: u32,
    pub timeout_ms: ::core::ffi::c_int,
    pub family: ::core::ffi::c_int,
    pub suggested: plum_address_t,
    pub description: *const ::core::ffi::c_char,
    pub user_ptr: *mut ::core::ffi::c_void,
}
#[repr(C)]
pub struct plum_mapping_info_t {
    pub state: plum_state_t,
    pub transport: plum_ip_protocol_t,
    pub mapping_protocol: plum_mapping_protocol_t,
    pub reason: plum_reason_t,
    pub reason_protocol: plum_mapping_protocol_t,
    pub code: i32,
    pub internal_port: u16,
    pub reserved: u16,
    pub lifetime_s: u32,
    pub remaining_s: u32,
    pub changes: u64,
    pub external: plum_address_t,
    pub local: plum_address_t,
    pub gateway: plum_address_t,
    pub user_ptr: *mut ::core::ffi::c_void,
}
pub type plum_client_mapping_callback_t = ::core::option::Option<
    unsafe extern "C" fn(id: ::core::ffi::c_int, info: *const plum_mapping_info_t),
>;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct plum_network_t {
    pub ifindex: u32,
    pub reserved: u32,
    pub local: plum_address_t,
    pub gateway: plum_address_t,
}
pub const PLUM_ASK_EXTERNAL_ADDRESS: plum_ask_t = 0;
pub const PLUM_ASK_PROBE: plum_ask_t = 1;
pub type plum_ask_t = ::core::ffi::c_uint;
#[repr(C)]
pub struct plum_answer_t {
    pub protocol: plum_mapping_protocol_t,
    pub reason: plum_reason_t,
    pub code: i32,
    pub rtt_ms: u32,
    pub epoch_s: u32,
    pub external: plum_address_t,
    pub gateway: plum_address_t,
    pub local: plum_address_t,
}
pub type plum_client_answer_callback_t = ::core::option::Option<
    unsafe extern "C" fn(
        ctx: *mut ::core::ffi::c_void,
        result: ::core::ffi::c_int,
        item: *const plum_answer_t,
    ),
>;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct plum_client_stats_t {
    pub size: usize,
    pub sent: u64,
    pub received: u64,
    pub retransmitted: u64,
    pub dropped: u64,
    pub deletes_sent: u64,
    pub deletes_confirmed: u64,
    pub resets: u64,
    pub wakeups: u64,
    pub log_dropped: u64,
    pub mappings: u64,
    pub heap_bytes: u64,
    pub heap_peak_bytes: u64,
}
unsafe extern "C" {
    pub fn plum_client_protocols() -> u32;
    pub fn plum_client_options_default(options: *mut plum_client_options_t, size: usize);
    pub fn plum_client_new(
        options: *const plum_client_options_t,
        client: *mut *mut plum_client_t,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_close(
        client: *mut plum_client_t,
        done: ::core::option::Option<
            unsafe extern "C" fn(ctx: *mut ::core::ffi::c_void),
        >,
        ctx: *mut ::core::ffi::c_void,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_join(
        client: *mut plum_client_t,
        timeout_ms: ::core::ffi::c_int,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_free(client: *mut plum_client_t);
    pub fn plum_map_options_default(options: *mut plum_map_options_t, size: usize);
    pub fn plum_client_map(
        client: *mut plum_client_t,
        options: *const plum_map_options_t,
        callback: plum_client_mapping_callback_t,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_unmap(
        client: *mut plum_client_t,
        id: ::core::ffi::c_int,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_query(
        client: *mut plum_client_t,
        id: ::core::ffi::c_int,
        info: *mut plum_mapping_info_t,
        size: usize,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_set_networks(
        client: *mut plum_client_t,
        networks: *const plum_network_t,
        count: usize,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_ask(
        client: *mut plum_client_t,
        what: plum_ask_t,
        callback: plum_client_answer_callback_t,
        ctx: *mut ::core::ffi::c_void,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_ask_cancel(
        client: *mut plum_client_t,
        request: ::core::ffi::c_int,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_stats(
        client: *mut plum_client_t,
        stats: *mut plum_client_stats_t,
        size: usize,
    ) -> ::core::ffi::c_int;
    pub fn plum_client_local_address(
        family: ::core::ffi::c_int,
        address: *mut plum_address_t,
    ) -> ::core::ffi::c_int;
}
