//! The containers of one case: a home with its router and a host on the WAN, or one alone.

use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::engine::Engine;
use super::images::Images;
use super::inside::{command_of, Inside, FOLDER};
use super::stop::{self, unsupervised, Supervised};
use crate::lab::{
    alone_rules, configuration, home_rules, Lines, ALONE, CLIENT, EXTERNAL, FLUSH, LISTENS, ROUTER,
    START, WAN,
};

/// Everything that a case needs to build its containers.
#[derive(Debug)]
pub struct World {
    /// Who runs them.
    pub engine: Engine,
    /// What they are made of.
    pub images: Images,
    /// What runs in them: the test program `lab-agent`, and `plum`.
    pub programs: Inside,
    /// What their names begin with; unique on this machine unless `PLUM_LAB_NAME` says it.
    pub name: String,
}

impl World {
    /// Names that no other run has.
    pub fn new(engine: Engine, images: Images, programs: Inside) -> Self {
        let name = std::env::var("PLUM_LAB_NAME")
            .unwrap_or_else(|_| format!("plumlab-{}", std::process::id()));
        World {
            engine,
            images,
            programs,
            name,
        }
    }

    fn next_lab(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        format!("{}-{}", self.name, NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One container; dropping it removes it.
#[derive(Debug)]
pub struct Host<'w> {
    engine: &'w Engine,
    id: String,
    role: &'static str,
}

impl<'w> Host<'w> {
    fn start(
        world: &'w World,
        lab: &str,
        role: &'static str,
        image: &str,
        forwards: bool,
    ) -> Result<Self, String> {
        let engine = &world.engine;
        let name = format!("{lab}-{role}");
        let mut args = engine.run_args();
        args.extend(["-d", "--rm", "--network", "none", "--name", &name]);
        // Its first process sleeps and hears nothing else.
        args.extend(["--stop-signal", "KILL"]);
        args.extend(["--hostname", role, "--cap-add", "NET_ADMIN"]);
        if forwards {
            args.extend(["--sysctl", "net.ipv4.ip_forward=1"]);
        }
        args.push(image);
        let output = engine.run(&args, "")?;
        if !output.status.success() {
            let taken = output.stderr.contains("is already in use");
            return Err(match taken {
                true => format!(
                    "a container named {name} is there that this run did not make: rename or \
                     remove it, then run this again"
                ),
                false => format!(
                    "the container {name} does not start: {}",
                    output.complaint()
                ),
            });
        }
        let host = Host {
            engine,
            // A warning may stand before it.
            id: output
                .stdout
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .to_owned(),
            role,
        };
        Ok(host)
    }

    /// Its role.
    pub fn role(&self) -> &'static str {
        self.role
    }

    fn exec<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["exec", "-i"];
        for switch in ["LIBPLUM_VERBOSE", "TEST_VERBOSE"] {
            // The engine's client passes on its own value.
            if std::env::var_os(switch).is_some() {
                all.extend(["--env", switch]);
            }
        }
        all.push(&self.id);
        all.extend(args);
        all
    }

    /// Runs a command inside to its end, with `input` as its standard input.
    ///
    /// # Errors
    ///
    /// When the engine's client cannot be started.
    pub fn run(&self, args: &[&str], input: &str) -> Result<stop::Output, String> {
        let output = self.engine.run(&self.exec(args), input)?;
        if verbose("TEST_VERBOSE") {
            eprintln!(
                "{}$ {}\n{}{}",
                self.role,
                args.join(" "),
                output.stdout,
                output.stderr
            );
        }
        Ok(output)
    }

    /// What a command inside prints.
    ///
    /// # Errors
    ///
    /// What it complains about.
    pub fn output(&self, args: &[&str]) -> Result<String, String> {
        self.feed(args, "")
    }

    /// What a command inside prints that reads `input`.
    ///
    /// # Errors
    ///
    /// What it complains about.
    pub fn feed(&self, args: &[&str], input: &str) -> Result<String, String> {
        let output = self.run(args, input)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(format!(
                "{}: {}: {}",
                self.role,
                args.join(" "),
                output.complaint()
            )),
        }
    }

    /// Copies packed programs in.
    ///
    /// # Errors
    ///
    /// The engine's complaint.
    fn bring(&self, programs: &Inside) -> Result<(), String> {
        // The folder's contents, into a folder that is made where it is not there.
        let from = format!("{}/.", programs.folder().display());
        let to = format!("{}:{FOLDER}", self.id);
        self.engine
            .output(&["cp", &from, &to])
            .map(|_| ())
            .map_err(|why| format!("{}: programs cannot be copied in: {why}", self.role))
    }

    /// Runs one of the programs that were brought to its end.
    ///
    /// # Errors
    ///
    /// When the engine's client cannot be started.
    pub fn run_program(&self, name: &str, args: &[&str]) -> Result<stop::Output, String> {
        let start = command_of(name);
        let mut all: Vec<&str> = start.iter().map(String::as_str).collect();
        all.extend(args);
        self.run(&all, "")
    }

    /// Starts the test program inside.
    ///
    /// # Errors
    ///
    /// When the engine's client cannot be started.
    pub fn agent(&self, args: &[&str]) -> Result<Agent, String> {
        let start = command_of("lab-agent");
        let mut all: Vec<&str> = start.iter().map(String::as_str).collect();
        all.extend(args);
        let mut command = self.engine.command(&self.exec(&all));
        let mut program = Supervised::spawn(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit()),
        )
        .map_err(|error| format!("{command:?}: {error}"))?;
        let stdin = program.child().stdin.take().expect("it is piped");
        let stdout = program.child().stdout.take().expect("it is piped");
        Ok(Agent {
            program,
            stdin: Some(stdin),
            lines: Lines::of(self.role, stdout, verbose("TEST_VERBOSE")),
        })
    }

    /// The test program's single answer.
    ///
    /// # Errors
    ///
    /// Its complaint, or what it said in place of an answer.
    pub fn ask(&self, args: &[&str]) -> Result<Value, String> {
        let output = self.run_program("lab-agent", args)?;
        match output.status.success() {
            true => serde_json::from_str(&output.stdout)
                .map_err(|error| format!("{:?}: {error}", output.stdout)),
            false => Err(format!("{}: {args:?}: {}", self.role, output.complaint())),
        }
    }

    /// `script` for `sh -e`, inside.
    fn script(&self, script: &str) -> Result<(), String> {
        self.feed(&["sh", "-e", "-s"], script).map(|_| ())
    }

    fn nft(&self, rules: &str) -> Result<(), String> {
        self.feed(&["nft", "-f", "-"], rules).map(|_| ())
    }

    /// What `nft list ruleset` says inside.
    ///
    /// # Errors
    ///
    /// What it complains about.
    pub fn ruleset(&self) -> Result<String, String> {
        self.output(&["nft", "list", "ruleset"])
    }

    /// Starts miniupnpd between the devices `g1` (WAN) and `internal`, and waits until it listens.
    ///
    /// # Errors
    ///
    /// What it said.
    fn daemon(&self, internal: &str, program: Option<&Path>) -> Result<Daemon<'_>, String> {
        let start = match program {
            Some(path) => {
                self.bring(&Inside::of(&[path])?)?;
                command_of(&path.file_name().unwrap_or_default().to_string_lossy()).join(" ")
            }
            None => "miniupnpd".to_owned(),
        };
        let conf = configuration("g1", internal, false);
        self.feed(&["sh", "-c", "cat >/run/miniupnpd.conf"], &conf)?;
        let start = format!(
            "echo $$ >/run/lab-daemon; exec {start} -d -f /run/miniupnpd.conf -P /run/miniupnpd.pid"
        );
        let mut command = self.engine.command(&self.exec(&["sh", "-c", &start]));
        let mut program = Supervised::spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        )
        .map_err(|error| format!("{command:?}: {error}"))?;
        let stderr = program.child().stderr.take().expect("it is piped");
        let mut daemon = Daemon {
            host: self,
            _program: program,
            lines: Lines::of("miniupnpd", stderr, verbose("MINIUPNPD_VERBOSE")),
        };
        daemon.lines.next_with(LISTENS, START)?;
        Ok(daemon)
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        let _ = unsupervised(&mut self.engine.command(&["rm", "-f", &self.id]));
    }
}

/// A home network whose router forwards nothing but what its daemon opens; or the daemon beside
/// the client.
#[derive(Debug)]
pub struct Home<'w> {
    /// Where libplum runs.
    pub client: Host<'w>,
    /// The router; `None`: the client itself.
    router: Option<Host<'w>>,
    outside: Option<Host<'w>>,
}

impl<'w> Home<'w> {
    /// Three containers; no daemon runs yet.
    ///
    /// # Errors
    ///
    /// One sentence that says what to do.
    pub fn new(world: &'w World) -> Result<Self, String> {
        let lab = world.next_lab();
        let images = &world.images;
        let gateway = Host::start(world, &lab, "gateway", &images.gateway, true)?;
        let client = Host::start(world, &lab, "client", &images.client, false)?;
        let outside = Host::start(world, &lab, "outside", &images.outside, false)?;
        cable(world, (&gateway, "g0"), (&client, "l0"))?;
        cable(world, (&gateway, "g1"), (&outside, "w0"))?;
        gateway.script(&format!(
            "ip addr add {ROUTER}/24 dev g0\nip link set g0 up\n\
             ip addr add {EXTERNAL}/24 dev g1\nip link set g1 up\n"
        ))?;
        client.script(&format!(
            "ip addr add {CLIENT}/24 dev l0\nip link set l0 up\nip route add default via {ROUTER}\n"
        ))?;
        outside.script(&format!("ip addr add {WAN}/24 dev w0\nip link set w0 up\n"))?;
        gateway.nft(&home_rules())?;
        client.bring(&world.programs)?;
        outside.bring(&world.programs)?;
        for host in [&gateway, &client, &outside] {
            // Printed where that was asked for.
            host.output(&["ip", "-brief", "address"])?;
        }
        Ok(Home {
            client,
            router: Some(gateway),
            outside: Some(outside),
        })
    }

    /// The smallest set-up that people test with: the daemon beside the client on one address, the
    /// default route through that address itself.
    ///
    /// # Errors
    ///
    /// One sentence that says what to do.
    pub fn alone(world: &'w World) -> Result<Self, String> {
        let lab = world.next_lab();
        let client = Host::start(world, &lab, "alone", &world.images.gateway, true)?;
        // The far ends only keep the near ones up.
        client.script(&format!(
            "ip link add l0 type veth peer name l0far\nip link add g1 type veth peer name g1far\n\
             ip addr add {ALONE}/24 dev l0\nip addr add {EXTERNAL}/24 dev g1\n\
             for device in l0 l0far g1 g1far; do ip link set $device up; done\n\
             ip route add default via {ALONE} dev l0\n"
        ))?;
        client.nft(&alone_rules())?;
        client.bring(&world.programs)?;
        client.output(&["ip", "-brief", "address"])?;
        Ok(Home {
            client,
            router: None,
            outside: None,
        })
    }

    /// The router.
    pub fn gateway(&self) -> &Host<'w> {
        self.router.as_ref().unwrap_or(&self.client)
    }

    /// The host on the WAN.
    ///
    /// # Panics
    ///
    /// When there is none: [`Home::alone`] has no outside.
    pub fn outside(&self) -> &Host<'w> {
        self.outside.as_ref().expect("a home with an outside")
    }

    /// Starts a daemon on the router and waits until it listens; `None` is Debian's.
    ///
    /// # Errors
    ///
    /// What it said.
    pub fn daemon(&self, program: Option<&Path>) -> Result<Daemon<'_>, String> {
        let internal = if self.router.is_some() { "g0" } else { "l0" };
        self.gateway().daemon(internal, program)
    }

    /// Forgets every rule that a daemon made, as a reboot of the router does.
    ///
    /// # Errors
    ///
    /// What nft complains about.
    pub fn flush_rules(&self) -> Result<(), String> {
        self.gateway().nft(FLUSH)
    }
}

/// A veth pair between two containers: `near` is made, in the network of the one, by a container
/// that sees the first process of the other as number 1.
fn cable(
    world: &World,
    (near, name): (&Host<'_>, &str),
    (far, far_name): (&Host<'_>, &str),
) -> Result<(), String> {
    let engine = &world.engine;
    let (network, processes) = (
        format!("container:{}", near.id),
        format!("container:{}", far.id),
    );
    let mut args = engine.run_args();
    args.extend([
        "--rm",
        "--network",
        &network,
        "--pid",
        &processes,
        "--cap-add",
        "NET_ADMIN",
    ]);
    args.push(&world.images.gateway);
    args.extend([
        "ip", "link", "add", name, "type", "veth", "peer", "name", far_name, "netns", "1",
    ]);
    engine
        .output(&args)
        .map(|_| ())
        .map_err(|why| format!("{} and {} cannot be joined: {why}", near.role, far.role))
}

/// A running miniupnpd.
#[derive(Debug)]
pub struct Daemon<'h> {
    host: &'h Host<'h>,
    _program: Supervised,
    lines: Lines,
}

impl Daemon<'_> {
    /// SIGKILL: no farewell, no tidying up.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    pub fn kill(mut self) -> Result<(), String> {
        self.host
            .output(&["sh", "-c", "kill -9 $(cat /run/lab-daemon)"])?;
        // Its output ends when it has.
        while self.lines.next(START)?.is_some() {}
        Ok(())
    }
}

/// The test program, running in a container.
#[derive(Debug)]
pub struct Agent {
    program: Supervised,
    stdin: Option<ChildStdin>,
    lines: Lines,
}

impl Agent {
    /// Its next line.
    ///
    /// # Errors
    ///
    /// When none comes.
    pub fn next(&mut self, within: Duration) -> Result<Value, String> {
        let line = self
            .lines
            .next(within)?
            .ok_or("the test program has ended")?;
        serde_json::from_str(&line).map_err(|error| format!("{line:?}: {error}"))
    }

    /// Its next line of this kind; others before it are passed over.
    ///
    /// # Errors
    ///
    /// When none comes.
    pub fn next_of(&mut self, event: &str, within: Duration) -> Result<Value, String> {
        let deadline = Instant::now() + within;
        loop {
            let line = self.next(deadline.saturating_duration_since(Instant::now()))?;
            if line["event"] == event {
                return Ok(line);
            }
        }
    }

    /// Tells it to do something.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn tell(&mut self, command: &str) -> Result<(), String> {
        let stdin = self.stdin.as_mut().ok_or("its input is closed")?;
        writeln!(stdin, "{command}").map_err(|error| error.to_string())
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it does not end well, or in time.
    pub fn end(mut self, within: Duration) -> Result<(), String> {
        drop(self.stdin.take());
        let ended = self.program.wait_until(Instant::now() + within);
        match ended.map_err(|error| error.to_string())? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("the test program ended with {status}")),
            None => {
                self.program.signal(Signal::TERM);
                Err(format!("the test program did not end within {within:?}"))
            }
        }
    }
}

/// Whether a switch is on: `TEST_VERBOSE=1` and its like.
fn verbose(switch: &str) -> bool {
    std::env::var_os(switch).is_some_and(|value| !value.is_empty() && value != "0")
}
