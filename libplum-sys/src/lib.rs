//! Raw bindings to libplum's C engine: NAT port mapping by PCP (RFC 6887) and NAT-PMP (RFC 6886).
//!
//! Everything here is `plum/client.h` and `plum/plum.h` as they stand; the headers hold each
//! function's contract. Use the crate `libplum` unless you need the C interface itself.
//!
//! The engine is built from source with CMake; its headers' folder reaches a dependent's build
//! script as `DEP_PLUM_INCLUDE`, the C project's as `DEP_PLUM_ROOT`. The bindings are committed, so
//! that no user needs libclang; the feature `bindgen` generates them at build time instead. Enums of
//! C are plain integers here, because a later engine may hand out values that this file does not
//! name.
#![no_std]
#![allow(
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    clippy::missing_safety_doc
)]

#[cfg(not(feature = "bindgen"))]
include!("bindings.rs");
#[cfg(feature = "bindgen")]
include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
