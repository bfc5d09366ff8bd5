//! The bindings agree with what a C compiler says about the headers, for whatever target this is;
//! and the layout that LP64 programs were compiled against is pinned by number.
//!
//! CC names the compiler, `cc` by default.

use std::fmt::Write as _;
use std::io::Write as _;
use std::mem::{offset_of, size_of};
use std::process::{Command, Stdio};

use libplum_sys::*;

macro_rules! layout {
    ($c:expr, $name:ident { $($field:ident),* $(,)? }) => {{
        let name = stringify!($name);
        assert_c($c, format!("sizeof({name}) == {}", size_of::<$name>()));
        $(
            let (field, offset) = (stringify!($field), offset_of!($name, $field));
            assert_c($c, format!("offsetof({name}, {field}) == {offset}"));
        )*
        // Fields that Rust knows and a sum that leaves room for padding only.
        let next = [$(offset_of!($name, $field)),*, size_of::<$name>()];
        assert!(next.windows(2).all(|w| w[0] < w[1]), "{name}: the fields are in C's order");
    }};
}
macro_rules! constants {
    ($c:expr, $($name:ident),* $(,)?) => {
        $(assert_c($c, format!("(long long){} == {}", stringify!($name), i64::from($name)));)*
    };
}

/// One static assertion in C for each struct, field and constant.
fn probe() -> String {
    let mut c =
        String::from("#define PLUM_STATIC\n#include \"plum/plum.h\"\n#include <stddef.h>\n");
    layout!(
        &mut c,
        plum_config_t {
            log_level,
            log_callback,
            dummytls_domain,
            discover_timeout,
            mapping_timeout,
            recheck_period,
            protocol
        }
    );
    layout!(
        &mut c,
        plum_mapping_t {
            protocol,
            mapping_protocol,
            internal_port,
            external_port,
            external_host,
            user_ptr
        }
    );
    constants!(
        &mut c,
        PLUM_ERR_SUCCESS,
        PLUM_ERR_INVALID,
        PLUM_ERR_FAILED,
        PLUM_ERR_NOT_AVAIL,
        PLUM_MAX_HOST_LEN,
        PLUM_MAX_ADDRESS_LEN,
        PLUM_LOG_LEVEL_VERBOSE,
        PLUM_LOG_LEVEL_DEBUG,
        PLUM_LOG_LEVEL_INFO,
        PLUM_LOG_LEVEL_WARN,
        PLUM_LOG_LEVEL_ERROR,
        PLUM_LOG_LEVEL_FATAL,
        PLUM_LOG_LEVEL_NONE,
        PLUM_IP_PROTOCOL_TCP,
        PLUM_IP_PROTOCOL_UDP,
        PLUM_PROTOCOL_ANY,
        PLUM_PROTOCOL_PCP,
        PLUM_PROTOCOL_UPNP,
        PLUM_STATE_DESTROYED,
        PLUM_STATE_PENDING,
        PLUM_STATE_SUCCESS,
        PLUM_STATE_FAILURE,
        PLUM_STATE_DESTROYING,
        PLUM_MAPPING_PROTOCOL_UNKNOWN,
        PLUM_MAPPING_PROTOCOL_PCP,
        PLUM_MAPPING_PROTOCOL_NATPMP,
        PLUM_MAPPING_PROTOCOL_UPNP,
        PLUM_MAPPING_PROTOCOL_DIRECT,
        PLUM_DUMMYTLS_PEM_CERT,
        PLUM_DUMMYTLS_PEM_CHAIN,
        PLUM_DUMMYTLS_PEM_FULLCHAIN,
        PLUM_DUMMYTLS_PEM_PRIVKEY,
    );
    #[cfg(feature = "client")]
    probe_client(&mut c);
    c
}

#[cfg(feature = "client")]
fn probe_client(c: &mut String) {
    c.push_str("#include \"plum/client.h\"\n");
    layout!(
        c,
        plum_address_t {
            family,
            reserved,
            port,
            scope_id,
            ip
        }
    );
    layout!(
        c,
        plum_client_options_t {
            size,
            log_callback,
            log_ctx,
            gateway,
            interface_name,
            log_level,
            flags,
            protocols,
            lifetime_s,
            discover_timeout_ms,
            mapping_timeout_ms,
            recheck_period_ms,
            shutdown_timeout_ms,
            restart_jitter_ms,
            gateway_port,
            reserved
        }
    );
    layout!(
        c,
        plum_map_options_t {
            size,
            transport,
            flags,
            internal_port,
            reserved,
            lifetime_s,
            timeout_ms,
            family,
            suggested,
            description,
            user_ptr
        }
    );
    layout!(
        c,
        plum_mapping_info_t {
            state,
            transport,
            mapping_protocol,
            reason,
            reason_protocol,
            code,
            internal_port,
            reserved,
            lifetime_s,
            remaining_s,
            changes,
            external,
            local,
            gateway,
            user_ptr
        }
    );
    layout!(
        c,
        plum_network_t {
            ifindex,
            reserved,
            local,
            gateway
        }
    );
    layout!(
        c,
        plum_answer_t {
            protocol,
            reason,
            code,
            rtt_ms,
            epoch_s,
            external,
            gateway,
            local
        }
    );
    layout!(
        c,
        plum_client_stats_t {
            size,
            sent,
            received,
            retransmitted,
            dropped,
            deletes_sent,
            deletes_confirmed,
            resets,
            wakeups,
            log_dropped,
            mappings,
            heap_bytes,
            heap_peak_bytes
        }
    );
    constants!(
        c,
        PLUM_PROTOCOLS_PCP,
        PLUM_PROTOCOLS_NATPMP,
        PLUM_PROTOCOLS_UPNP,
        PLUM_PROTOCOLS_ALL,
        PLUM_CLIENT_FEED_NETWORKS,
        PLUM_MAP_PREFER_FAILURE,
        PLUM_REASON_NONE,
        PLUM_REASON_NO_GATEWAY,
        PLUM_REASON_NO_ANSWER,
        PLUM_REASON_CLOSED,
        PLUM_REASON_REFUSED,
        PLUM_REASON_TIMED_OUT,
        PLUM_REASON_UNSUPPORTED,
        PLUM_REASON_PORT_TAKEN,
        PLUM_REASON_RESOURCES,
        PLUM_REASON_EXPIRED,
        PLUM_REASON_CLOSING,
        PLUM_ASK_EXTERNAL_ADDRESS,
        PLUM_ASK_PROBE,
    );
}

fn assert_c(c: &mut String, condition: String) {
    writeln!(c, "_Static_assert({condition}, \"{condition}\");").expect("a String takes it");
}

fn compiles(source: &str) -> Result<(), String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut child = Command::new(compiler)
        .args(["-x", "c", "-std=c11", "-fsyntax-only", "-I"])
        .arg(env!("LIBPLUM_SYS_INCLUDE"))
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a C compiler (CC, or cc) is there: the library was built with one");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(source.as_bytes())
        .expect("the compiler reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("the compiler ends");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn the_c_compiler_agrees_with_every_struct_field_and_constant() {
    let source = probe();
    if let Err(e) = compiles(&source) {
        panic!("the bindings differ from the headers:\n{e}");
    }
}

#[test]
fn the_probe_would_notice() {
    let mut source = probe();
    assert_c(
        &mut source,
        format!(
            "sizeof(plum_mapping_t) == {}",
            size_of::<plum_mapping_t>() + 1
        ),
    );
    assert!(compiles(&source).is_err());
}

#[test]
#[cfg(all(target_pointer_width = "64", not(windows)))]
fn programs_compiled_for_libplum_0_6_on_lp64_still_fit() {
    assert_eq!(size_of::<plum_config_t>(), 40);
    assert_eq!(offset_of!(plum_config_t, discover_timeout), 24);
    assert_eq!(offset_of!(plum_config_t, mapping_timeout), 28);
    assert_eq!(offset_of!(plum_config_t, recheck_period), 32);
    assert_eq!(offset_of!(plum_config_t, protocol), 36);
    assert_eq!(size_of::<plum_mapping_t>(), 280);
    assert_eq!(offset_of!(plum_mapping_t, external_host), 12);
    assert_eq!(offset_of!(plum_mapping_t, user_ptr), 272);
}

#[test]
#[cfg(feature = "client")]
fn option_structs_begin_with_their_size() {
    assert_eq!(offset_of!(plum_client_options_t, size), 0);
    assert_eq!(offset_of!(plum_map_options_t, size), 0);
    assert_eq!(offset_of!(plum_client_stats_t, size), 0);
}
