//! The hand-written declarations of `src/engine/engine.h` agree with the C compiler.
//!
//! CC names the compiler, `cc` by default.

use std::io::Write as _;
use std::mem::{offset_of, size_of};
use std::path::Path;
use std::process::{Command, Stdio};

use libplum_sim::abi::*;

fn probe() -> String {
    let mut c = String::from("#include <stddef.h>\n#include \"engine/engine.h\"\n");
    let mut claim = |text: String| c.push_str(&format!("_Static_assert({text}, \"\");\n"));
    macro_rules! layout {
        ($name:ident { $($field:ident),* $(,)? }) => {{
            let name = stringify!($name);
            claim(format!("sizeof({name}) == {}", size_of::<$name>()));
            $(
                let (field, at) = (stringify!($field), offset_of!($name, $field));
                claim(format!("offsetof({name}, {field}) == {at}"));
            )*
        }};
    }
    // The members of the unions have no names of their own in C.
    macro_rules! member {
        ($outer:ident, $member:ident { $($field:ident),* $(,)? }) => {{
            let (outer, member) = (stringify!($outer), stringify!($member));
            let start = offset_of!($outer, u);
            claim(format!("sizeof((({outer} *)0)->u.{member}) == {}", size_of::<$member>()));
            $(
                let (field, at) = (stringify!($field), start + offset_of!($member, $field));
                claim(format!("offsetof({outer}, u.{member}.{field}) == {at}"));
            )*
        }};
    }
    layout!(plum_ip {
        family,
        bytes,
        scope
    });
    layout!(plum_addr { ip, port });
    layout!(plum_hooks {
        ctx,
        realloc,
        free,
        random
    });
    layout!(plum_engine_config {
        allow,
        lifetime,
        discover_timeout,
        mapping_timeout,
        recheck_period,
        shutdown_timeout,
        restart_jitter,
        log_level
    });
    layout!(plum_network_info {
        network,
        ifindex,
        local,
        gateway,
        flags
    });
    layout!(plum_create {
        transport,
        family,
        internal_port,
        suggested,
        lifetime,
        timeout,
        flags,
        description
    });
    layout!(plum_item {
        protocol,
        why,
        code,
        rtt,
        epoch,
        external,
        gateway,
        local
    });
    layout!(plum_engine_stats {
        sent,
        received,
        retransmitted,
        dropped,
        deletes_sent,
        deletes_confirmed,
        resets,
        log_dropped,
        handles,
        mappings
    });
    layout!(plum_event { kind, u });
    member!(plum_event, networks { list, count });
    member!(plum_event, create { id, options });
    member!(plum_event, ask { request, what });
    member!(plum_event, opened { sock, local });
    member!(
        plum_event,
        data {
            sock,
            from,
            bytes,
            size,
            flags
        }
    );
    member!(plum_event, fail { sock, what, dead });
    layout!(plum_action { kind, u });
    member!(
        plum_action,
        open {
            sock,
            what,
            network,
            ifindex,
            local,
            remote
        }
    );
    member!(
        plum_action,
        send {
            sock,
            to,
            bytes,
            size
        }
    );
    member!(
        plum_action,
        notify {
            id,
            state,
            by,
            external,
            local,
            gateway,
            why,
            why_by,
            code,
            lifetime,
            expires,
            changed
        }
    );
    member!(
        plum_action,
        answer {
            request,
            what,
            item
        }
    );
    member!(plum_action, log { level, text });
    for (name, value) in [
        ("PLUM_EV_TICK", 1),
        ("PLUM_EV_NETWORKS", 2),
        ("PLUM_EV_CREATE", 3),
        ("PLUM_EV_DESTROY", 4),
        ("PLUM_EV_SHUTDOWN", 5),
        ("PLUM_EV_ASK", 6),
        ("PLUM_EV_OPENED", 8),
        ("PLUM_EV_DATA", 9),
        ("PLUM_EV_FAIL", 10),
        ("PLUM_ACT_OPEN", 1),
        ("PLUM_ACT_SEND", 2),
        ("PLUM_ACT_CLOSE", 3),
        ("PLUM_ACT_NOTIFY", 4),
        ("PLUM_ACT_ANSWER", 5),
        ("PLUM_ACT_STOPPED", 6),
        ("PLUM_ACT_LOG", 7),
        ("PLUM_OPEN_UDP", 1),
        ("PLUM_OPEN_SSDP", 2),
        ("PLUM_OPEN_ANNOUNCE", 3),
        ("PLUM_OPEN_TCP", 4),
        ("PLUM_FAIL_REFUSED", 1),
        ("PLUM_FAIL_UNREACHABLE", 2),
        ("PLUM_FAIL_NO_FDS", 5),
        ("PLUM_IS_DESTROYED", 0),
        ("PLUM_IS_SUCCESS", 2),
        ("PLUM_IS_FAILURE", 3),
        ("PLUM_ANSWER_ITEM", 1),
        ("PLUM_E_NOMEM", -100),
        ("PLUM_CREATE_PREFER_FAILURE", 1),
        ("PLUM_DATA_TRUNCATED", 1),
        ("PLUM_DATA_MULTICAST", 2),
    ] {
        claim(format!("(int){name} == {value}"));
    }
    claim("sizeof(plum_event_kind) == 4 && sizeof(plum_transport) == 4".into());
    c
}

#[test]
fn the_declarations_are_the_headers() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vendor/libplum/src");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-std=c11", "-fsyntax-only", "-x", "c", "-"])
        .arg("-I")
        .arg(sources)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a C compiler");
    let mut input = compiler.stdin.take().expect("piped");
    input.write_all(probe().as_bytes()).expect("it reads");
    drop(input);
    assert!(compiler.wait().expect("it ends").success());
}
