//! What libplum does at a real router.

use std::path::Path;
use std::time::{Duration, Instant};

use libplum_integration::containers::{Agent, Home, Host, World};
use libplum_integration::lab::{
    made_rules, natpmp_only_daemon, ALONE, CLIENT, EXTERNAL, ROUTER, WAN,
};
use serde_json::Value;

use super::runner::{case, Case, Outcome, Verdict};

/// How long any single step may take on a machine under load.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const CASES: &[Case] = &[
    case("pcp_maps_and_the_outside_gets_through", pcp),
    case("natpmp_maps_where_there_is_no_pcp", natpmp),
    case("a_restart_is_healed_by_pcp", restart_by_pcp),
    case("a_restart_is_healed_by_natpmp", restart_by_natpmp),
    case("a_cleanup_with_live_mappings_leaves_no_rule", cleanup),
    case("only_the_allowed_protocol_is_spoken", filter),
    case("an_allowed_protocol_that_is_not_there_fails", filter_fails),
    case("the_daemon_beside_the_client_maps", alone),
    case("the_program_maps_and_unmaps", plum),
    case(
        "the_first_mapping_takes_little_longer_than_a_bare_one",
        first,
    ),
];

fn passed() -> Verdict {
    Ok(Outcome::Passed)
}

fn pcp(world: &World) -> Verdict {
    through_the_mapping(&Home::new(world)?, None, "PCP")
}

fn natpmp(world: &World) -> Verdict {
    with_natpmp_only(|daemon| {
        let home = Home::new(world)?;
        through_the_mapping(&home, Some(daemon), "NAT-PMP")
    })
}

/// Runs a case with a daemon without PCP, or says why there is none.
fn with_natpmp_only(run: impl FnOnce(&Path) -> Verdict) -> Verdict {
    match natpmp_only_daemon() {
        Ok(daemon) => run(&daemon),
        Err(reason) => Ok(Outcome::Skipped(reason)),
    }
}

/// The whole way: map, bytes through the mapping, unmap, refused.
fn through_the_mapping(home: &Home<'_>, daemon: Option<&Path>, protocol: &str) -> Verdict {
    let _daemon = home.daemon(daemon)?;
    check(&home.client)?;
    let answer = home.client.ask(&["announce", &ROUTER.to_string()])?;
    let version = if daemon.is_none() { 2 } else { 0 };
    same(&answer["version"], &version.into(), "the router's version")?;

    let mut agent = home.client.agent(&["hold", "tcp:8080", "udp:9000"])?;
    for _ in 0..2 {
        let line = agent.next_of("active", PATIENCE)?;
        same(&line["protocol"], &protocol.into(), "the protocol")?;
        let external = format!("{EXTERNAL}:{}", line["port"]);
        same(&line["external"], &external.into(), "the external address")?;
    }
    assert_reached(home, "tcp", 8080)?;
    assert_reached(home, "udp", 9000)?;

    agent.tell("unmap")?;
    for _ in 0..2 {
        agent.next_of("unmapped", PATIENCE)?;
    }
    wait_for_no_rule(home)?;
    for (transport, port) in [("tcp", 8080), ("udp", 9000)] {
        let line = reach(home, transport, port)?;
        same(
            &line["event"],
            &"refused".into(),
            "the port after unmapping",
        )?;
    }
    agent.end(PATIENCE)?;
    passed()
}

fn restart_by_pcp(world: &World) -> Verdict {
    restart(world, None, "PCP")
}

fn restart_by_natpmp(world: &World) -> Verdict {
    with_natpmp_only(|daemon| restart(world, Some(daemon), "NAT-PMP"))
}

fn restart(world: &World, program: Option<&Path>, protocol: &str) -> Verdict {
    let home = Home::new(world)?;
    let daemon = home.daemon(program)?;
    check(&home.client)?;
    let mut agent = home
        .client
        .agent(&["hold", "--recheck", "500", "tcp:8080"])?;
    agent.next_of("active", PATIENCE)?;
    assert_reached(&home, "tcp", 8080)?;

    // A daemon that has run for two seconds or less restarts unnoticed: its epoch is no younger
    // than the rules allow (RFC 6887 section 8.5, RFC 6886 section 3.6).
    wait_for("an epoch to lose", || {
        let answer = home.client.ask(&["epoch", &ROUTER.to_string()])?;
        Ok(answer["epoch"].as_u64().is_some_and(|epoch| epoch >= 5))
    })?;
    // A reboot of the router: the daemon and its rules are gone at once.
    daemon.kill()?;
    home.flush_rules()?;
    same(
        &made_rules(&home.gateway().ruleset()?),
        &String::new(),
        "the rules",
    )?;
    let began = Instant::now();
    let _daemon = home.daemon(program)?;
    let line = agent.next_of("active", PATIENCE)?;
    let took = began.elapsed();
    if took >= Duration::from_secs(10) {
        return Err(format!("the mapping was back only after {took:?}"));
    }
    let external = format!("{EXTERNAL}:8080");
    same(
        &line["external"],
        &external.into(),
        "the address after the restart",
    )?;
    same(&line["protocol"], &protocol.into(), "the protocol")?;
    assert_reached(&home, "tcp", 8080)?;
    println!(
        "back {:.1} s after the order to start the daemon",
        took.as_secs_f64()
    );
    agent.end(PATIENCE)?;
    wait_for_no_rule(&home)?;
    passed()
}

fn cleanup(world: &World) -> Verdict {
    let home = Home::new(world)?;
    let _daemon = home.daemon(None)?;
    check(&home.client)?;
    let ports = 20_000..20_008;
    let wanted: Vec<String> = ports
        .clone()
        .flat_map(|port| [format!("tcp:{port}"), format!("udp:{port}")])
        .collect();
    let mut args = vec!["hold"];
    args.extend(wanted.iter().map(String::as_str));
    let mut agent = home.client.agent(&args)?;
    for _ in &wanted {
        agent.next_of("active", PATIENCE)?;
    }
    let listed = made_rules(&home.gateway().ruleset()?);
    for port in ports {
        let rules = listed
            .matches(&format!("dnat ip to {CLIENT}:{port}\n"))
            .count();
        same(&rules, &2, &format!("the rules of port {port}"))?;
    }
    // The handles are still alive: it is the shutdown that unmaps.
    agent.tell("shutdown")?;
    let closed = agent.next_of("closed", PATIENCE)?;
    same(
        &closed["deletes_sent"],
        &wanted.len().into(),
        "deletes sent",
    )?;
    agent.end(PATIENCE)?;
    wait_for_no_rule(&home)?;
    passed()
}

fn filter(world: &World) -> Verdict {
    let home = Home::new(world)?;
    let _daemon = home.daemon(None)?;
    check(&home.client)?;
    // The router speaks both; PCP would win.
    for (allowed, protocol) in [("natpmp", "NAT-PMP"), ("pcp", "PCP"), ("pcp,natpmp", "PCP")] {
        let mut agent = home
            .client
            .agent(&["hold", "--protocols", allowed, "tcp:8080"])?;
        let line = agent.next_of("active", PATIENCE)?;
        same(&line["protocol"], &protocol.into(), allowed)?;
        assert_reached(&home, "tcp", 8080)?;
        agent.end(PATIENCE)?;
        wait_for_no_rule(&home)?;
    }
    passed()
}

fn filter_fails(world: &World) -> Verdict {
    with_natpmp_only(|daemon| {
        let home = Home::new(world)?;
        let _daemon = home.daemon(Some(daemon))?;
        check(&home.client)?;
        let mut agent = home.client.agent(&[
            "hold",
            "--protocols",
            "pcp",
            "--timeout",
            "2000",
            "tcp:8080",
        ])?;
        let line = agent.next(PATIENCE)?;
        same(
            &line["event"],
            &"failed".into(),
            "PCP alone at a router without it",
        )?;
        same(
            &made_rules(&home.gateway().ruleset()?),
            &String::new(),
            "the rules",
        )?;
        agent.end(PATIENCE)?;
        passed()
    })
}

fn alone(world: &World) -> Verdict {
    let home = Home::alone(world)?;
    let _daemon = home.daemon(None)?;
    // On its own address: the router is this host, and does not give out a port that is in use on
    // the external one.
    let own = ALONE.to_string();
    let args = ["hold", "--listen", &own, "tcp:8080", "udp:9000"];
    let mut agent: Agent = home.client.agent(&args)?;
    for _ in 0..2 {
        let line = agent.next_of("active", PATIENCE)?;
        same(&line["protocol"], &"PCP".into(), "the protocol")?;
        let external = format!("{EXTERNAL}:{}", line["port"]);
        same(&line["external"], &external.into(), "the external address")?;
    }
    let listed = made_rules(&home.gateway().ruleset()?);
    for port in [8080, 9000] {
        if !listed.contains(&format!("dport {port} ")) {
            return Err(format!("no rule for port {port} in\n{listed}"));
        }
    }
    agent.end(PATIENCE)?;
    wait_for_no_rule(&home)?;
    passed()
}

fn plum(world: &World) -> Verdict {
    let home = Home::new(world)?;
    let _daemon = home.daemon(None)?;
    check(&home.client)?;
    let args = ["map", "8080", "9000/udp", "--json", "--for", "0"];
    let output = home.client.run_program("plum", &args)?;
    same(
        &output.status.code(),
        &Some(0),
        &format!("plum's exit code: {}", output.stderr),
    )?;
    let lines: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{line:?}: {error}")))
        .collect::<Result<_, _>>()?;
    for event in ["mapped", "unmapped"] {
        let count = lines.iter().filter(|line| line["event"] == event).count();
        same(&count, &2, event)?;
    }
    wait_for_no_rule(&home)?;
    passed()
}

fn first(world: &World) -> Verdict {
    let home = Home::new(world)?;
    let _daemon = home.daemon(None)?;
    check(&home.client)?;
    let mut last = Value::Null;
    for _ in 0..3 {
        last = home
            .client
            .ask(&["first-mapping", &ROUTER.to_string(), "25"])?;
        println!(
            "first mapping in the client's container, {}",
            text(&last["text"])
        );
        if last["ratio"].as_f64().is_some_and(|ratio| ratio <= 1.2) {
            return passed();
        }
    }
    // A machine under load shall not fail the suite; a client that waits for a timer shall.
    match last["slower_ms"].as_f64() {
        Some(slower) if slower < 100.0 => passed(),
        _ => Err(format!("the first mapping waits for something: {last}")),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

// --- helpers -------------------------------------------------------------------------------------

/// That the client has a way to a router that answers; its complaint says what to do.
pub(crate) fn check(client: &Host<'_>) -> Result<(), String> {
    let output = client.run_program("lab-agent", &["check", &ROUTER.to_string()])?;
    match output.status.success() {
        true => Ok(()),
        false => Err(output.stderr.trim().to_owned()),
    }
}

fn reach(home: &Home<'_>, transport: &str, port: u16) -> Result<Value, String> {
    home.outside()
        .ask(&["reach", transport, &format!("{EXTERNAL}:{port}")])
}

fn assert_reached(home: &Home<'_>, transport: &str, port: u16) -> Result<(), String> {
    let line = reach(home, transport, port)?;
    let said = format!("hello from outside came from {WAN}");
    same(
        &line["said"],
        &said.into(),
        &format!("the answer through {transport} port {port}: {line}"),
    )
}

/// miniupnpd takes its time over a delete, and a shutdown does not wait for ever.
fn wait_for_no_rule(home: &Home<'_>) -> Result<(), String> {
    wait_for("no rule left", || {
        Ok(made_rules(&home.gateway().ruleset()?).is_empty())
    })
}

/// Looks again and again until `condition` holds.
pub(crate) fn wait_for(
    what: &str,
    mut condition: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !condition()? {
        if Instant::now() >= deadline {
            return Err(format!("waited in vain for: {what}"));
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Ok(())
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    found: &T,
    wanted: &T,
    what: &str,
) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: {found:?} in place of {wanted:?}")),
    }
}
