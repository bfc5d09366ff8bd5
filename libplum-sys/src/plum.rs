// Written by `./dev bindings` from plum/plum.h: do not edit.

pub const PLUM_ERR_SUCCESS: u32 = 0;
pub const PLUM_ERR_INVALID: i32 = -1;
pub const PLUM_ERR_FAILED: i32 = -2;
pub const PLUM_ERR_NOT_AVAIL: i32 = -3;
pub const PLUM_MAX_HOST_LEN: u32 = 256;
pub const PLUM_MAX_ADDRESS_LEN: u32 = 64;
pub const PLUM_LOG_LEVEL_VERBOSE: plum_log_level_t = 0;
pub const PLUM_LOG_LEVEL_DEBUG: plum_log_level_t = 1;
pub const PLUM_LOG_LEVEL_INFO: plum_log_level_t = 2;
pub const PLUM_LOG_LEVEL_WARN: plum_log_level_t = 3;
pub const PLUM_LOG_LEVEL_ERROR: plum_log_level_t = 4;
pub const PLUM_LOG_LEVEL_FATAL: plum_log_level_t = 5;
pub const PLUM_LOG_LEVEL_NONE: plum_log_level_t = 6;
pub type plum_log_level_t = ::core::ffi::c_uint;
pub type plum_log_callback_t = ::core::option::Option<
    unsafe extern "C" fn(level: plum_log_level_t, message: *const ::core::ffi::c_char),
>;
pub const PLUM_IP_PROTOCOL_TCP: plum_ip_protocol_t = 0;
pub const PLUM_IP_PROTOCOL_UDP: plum_ip_protocol_t = 1;
pub type plum_ip_protocol_t = ::core::ffi::c_uint;
pub const PLUM_PROTOCOL_ANY: plum_protocol_t = 0;
pub const PLUM_PROTOCOL_PCP: plum_protocol_t = 1;
pub const PLUM_PROTOCOL_UPNP: plum_protocol_t = 2;
pub type plum_protocol_t = ::core::ffi::c_uint;
pub const PLUM_STATE_DESTROYED: plum_state_t = 0;
pub const PLUM_STATE_PENDING: plum_state_t = 1;
pub const PLUM_STATE_SUCCESS: plum_state_t = 2;
pub const PLUM_STATE_FAILURE: plum_state_t = 3;
pub const PLUM_STATE_DESTROYING: plum_state_t = 4;
pub type plum_state_t = ::core::ffi::c_uint;
pub const PLUM_MAPPING_PROTOCOL_UNKNOWN: plum_mapping_protocol_t = 0;
pub const PLUM_MAPPING_PROTOCOL_PCP: plum_mapping_protocol_t = 1;
pub const PLUM_MAPPING_PROTOCOL_NATPMP: plum_mapping_protocol_t = 2;
pub const PLUM_MAPPING_PROTOCOL_UPNP: plum_mapping_protocol_t = 3;
pub const PLUM_MAPPING_PROTOCOL_DIRECT: plum_mapping_protocol_t = 4;
pub type plum_mapping_protocol_t = ::core::ffi::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct plum_config_t {
    pub log_level: plum_log_level_t,
    pub log_callback: plum_log_callback_t,
    pub dummytls_domain: *const ::core::ffi::c_char,
    pub discover_timeout: ::core::ffi::c_int,
    pub mapping_timeout: ::core::ffi::c_int,
    pub recheck_period: ::core::ffi::c_int,
    pub protocol: plum_protocol_t,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct plum_mapping_t {
    pub protocol: plum_ip_protocol_t,
    pub mapping_protocol: plum_mapping_protocol_t,
    pub internal_port: u16,
    pub external_port: u16,
    pub external_host: [::core::ffi::c_char; 256usize],
    pub user_ptr: *mut ::core::ffi::c_void,
}
pub type plum_mapping_callback_t = ::core::option::Option<
    unsafe extern "C" fn(
        id: ::core::ffi::c_int,
        state: plum_state_t,
        mapping: *const plum_mapping_t,
    ),
>;
pub const PLUM_DUMMYTLS_PEM_CERT: plum_dummytls_cert_type_t = 0;
pub const PLUM_DUMMYTLS_PEM_CHAIN: plum_dummytls_cert_type_t = 1;
pub const PLUM_DUMMYTLS_PEM_FULLCHAIN: plum_dummytls_cert_type_t = 2;
pub const PLUM_DUMMYTLS_PEM_PRIVKEY: plum_dummytls_cert_type_t = 3;
pub type plum_dummytls_cert_type_t = ::core::ffi::c_uint;
unsafe extern "C" {
    pub fn plum_init(config: *const plum_config_t) -> ::core::ffi::c_int;
    pub fn plum_cleanup() -> ::core::ffi::c_int;
    pub fn plum_create_mapping(
        mapping: *const plum_mapping_t,
        callback: plum_mapping_callback_t,
    ) -> ::core::ffi::c_int;
    pub fn plum_query_mapping(
        id: ::core::ffi::c_int,
        state: *mut plum_state_t,
        mapping: *mut plum_mapping_t,
    ) -> ::core::ffi::c_int;
    pub fn plum_destroy_mapping(id: ::core::ffi::c_int) -> ::core::ffi::c_int;
    pub fn plum_get_local_address(
        buffer: *mut ::core::ffi::c_char,
        size: usize,
    ) -> ::core::ffi::c_int;
    pub fn plum_get_dummytls_certificate(
        type_: plum_dummytls_cert_type_t,
        buffer: *mut ::core::ffi::c_char,
        size: usize,
    ) -> ::core::ffi::c_int;
    pub fn plum_get_dummytls_host(
        address: *const ::core::ffi::c_char,
        buffer: *mut ::core::ffi::c_char,
        size: usize,
    ) -> ::core::ffi::c_int;
}
