//! Raw bindings to libplum's C engine: NAT port mapping by PCP (RFC 6887) and NAT-PMP (RFC 6886).
//!
//! Everything here is `plum/client.h` and `plum/plum.h` as they stand; the headers hold each
//! function's contract. Use the crate `libplum` unless you need the C interface itself.
//!
//! The engine is built from source with CMake; two variables at build time choose another one:
//! `LIBPLUM_USE_PKG_CONFIG=1` an installed library, `LIBPLUM_SOURCE=DIR` another source tree. Its
//! headers' folder reaches a dependent's build script as `DEP_PLUM_INCLUDE`, the C project's as
//! `DEP_PLUM_ROOT`. Without the feature `client` only `plum/plum.h` is bound.
//!
//! The bindings are committed, so that no user needs libclang; the feature `bindgen` generates them
//! at build time instead. Enums of C are plain integers here, because a later engine may hand out
//! values that these files do not name.
#![no_std]
#![allow(
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    clippy::missing_safety_doc
)]

#[cfg(not(feature = "bindgen"))]
include!("plum.rs");
#[cfg(all(feature = "client", not(feature = "bindgen")))]
include!("client.rs");
#[cfg(feature = "bindgen")]
include!(concat!(env!("OUT_DIR"), "/plum.rs"));
#[cfg(all(feature = "client", feature = "bindgen"))]
include!(concat!(env!("OUT_DIR"), "/client.rs"));

/// When the steps of a mapping last happened (`src/io/trace.h` of the engine). For benchmarks; not
/// part of the interface.
#[cfg(feature = "_trace")]
#[doc(hidden)]
pub mod trace {
    pub const SENT: ::core::ffi::c_int = 0;
    pub const RECEIVED: ::core::ffi::c_int = 1;
    pub const PUBLISHED: ::core::ffi::c_int = 2;

    unsafe extern "C" {
        /// The last time of a step, 0 if never; nanoseconds.
        pub fn plum_trace_last(step: ::core::ffi::c_int) -> u64;
        /// The same clock now.
        pub fn plum_trace_now() -> u64;
    }
}
