//! What is not as it should be: each ends in one sentence that says what to do, and nothing that
//! the suite started stays behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libplum_integration::containers::stop::{self, Guard, Supervised};
use libplum_integration::containers::{Engine, Home, NoEngine, World};
use libplum_integration::lab::Lines;
use rustix::process::Signal;

use super::cases::{check, same, wait_for, PATIENCE};
use super::runner::{case, Case, Outcome, Verdict, INSIDE};

pub(crate) const CASES: &[Case] = &[
    case("a_client_without_a_route_says_so", no_route),
    case("a_gateway_without_its_daemon_says_so", no_daemon),
    case("an_engine_that_does_not_run_says_so", no_engine),
    case("a_base_image_that_is_not_there_says_so", no_base),
    case("a_foreign_container_of_our_name_is_left_alone", foreign),
    case("ctrl_c_leaves_no_container", ctrl_c),
    case(
        "ctrl_c_leaves_nothing_of_an_engine_of_our_own",
        ctrl_c_own_engine,
    ),
    case("a_killed_suite_takes_its_engine_along", killed_own_engine),
    Case {
        name: HOME_AND_WAIT,
        run: home_and_wait,
        hidden: true,
    },
];

const HOME_AND_WAIT: &str = "home-and-wait";
/// What the runner makes of its first word: an engine of its own, and waiting.
pub(crate) const ENGINE_AND_WAIT: &str = "engine-and-wait";
const UP: &str = "is up";

fn passed() -> Verdict {
    Ok(Outcome::Passed)
}

/// One line, and these words in it.
fn one_sentence(said: &str, words: &[&str]) -> Result<(), String> {
    let said = said.trim();
    println!("  {said}");
    match said.lines().count() == 1 && words.iter().all(|word| said.contains(word)) {
        true => Ok(()),
        false => Err(format!("not one sentence with {words:?}: {said}")),
    }
}

// --- in the containers ---------------------------------------------------------------------------

fn no_route(world: &World) -> Verdict {
    let home = Home::new(world)?;
    let _daemon = home.daemon(None)?;
    home.client.output(&["ip", "route", "del", "default"])?;
    let sentence = check(&home.client)
        .err()
        .ok_or("a client without a route was fine")?;
    one_sentence(&sentence, &["default route", "ip route add"])?;
    // The program's own word on it.
    plum_fails(&home, "no network with a default route")
}

fn no_daemon(world: &World) -> Verdict {
    let home = Home::new(world)?;
    home.daemon(None)?.kill()?;
    let sentence = check(&home.client)
        .err()
        .ok_or("a stopped daemon was fine")?;
    one_sentence(&sentence, &["does not answer", "start its miniupnpd"])?;
    plum_fails(&home, "refuses the ports")
}

fn plum_fails(home: &Home<'_>, words: &str) -> Verdict {
    let output = home
        .client
        .run_program("plum", &["map", "8080", "--timeout", "2"])?;
    same(&output.status.code(), &Some(3), "plum's exit code")?;
    let said = format!("{}{}", output.stdout, output.stderr);
    one_sentence(&said, &[words])?;
    passed()
}

// --- the suite itself ----------------------------------------------------------------------------

/// This program once more, with the engine that runs.
fn suite(world: &World, words: &[&str]) -> Result<Command, String> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(me);
    command
        .args(words)
        .envs(world.engine.environment())
        .env(INSIDE, world.programs.folder());
    Ok(command)
}

/// It fails, with one sentence on standard error.
fn suite_fails(command: &mut Command, words: &[&str]) -> Verdict {
    let output = stop::run(command, "").map_err(|error| error.to_string())?;
    same(&output.status.code(), &Some(1), "the suite's exit code")?;
    one_sentence(&output.stderr, words)?;
    passed()
}

fn no_engine(world: &World) -> Verdict {
    let nowhere = "unix:///nonexistent/plum-lab.sock";
    let mut command = suite(world, &["pcp_maps"])?;
    command
        .env_remove("PLUM_ENGINE")
        .env("DOCKER_HOST", nowhere);
    suite_fails(&mut command, &[nowhere, "start it"])
}

fn no_base(world: &World) -> Verdict {
    let mut command = suite(world, &["pcp_maps"])?;
    command.env("BASE", "libplum-lab/nowhere:1");
    suite_fails(&mut command, &["libplum-lab/nowhere:1", "fetch it"])
}

fn foreign(world: &World) -> Verdict {
    let lab = format!("{}-foreign", world.name);
    let name = format!("{lab}-0-gateway");
    // Not one of ours: it carries no label.
    let args = [
        "run",
        "--pull=never",
        "-d",
        "--rm",
        "--network",
        "none",
        "--name",
        &name,
    ];
    let mut args = args.to_vec();
    args.extend(world.engine.run_extras());
    args.push(&world.images.client);
    world.engine.output(&args)?;
    let mut remove = world.engine.command(&["rm", "-f", &name]);
    let _guard = Guard::new(move || {
        let _ = stop::unsupervised(&mut remove);
    });
    let before =
        world
            .engine
            .output(&["inspect", "--format", "{{.Id}} {{.State.Running}}", &name])?;
    let mut command = suite(world, &["pcp_maps"])?;
    command.env("PLUM_LAB_NAME", &lab);
    let output = stop::run(&mut command, "").map_err(|error| error.to_string())?;
    same(&output.status.code(), &Some(1), "the suite's exit code")?;
    let sentence = output
        .stdout
        .lines()
        .find_map(|line| line.split_once("FAILED: "));
    let sentence = sentence
        .map(|(_, sentence)| sentence)
        .unwrap_or(&output.stdout);
    one_sentence(sentence, &[&name, "rename or remove it"])?;
    let after =
        world
            .engine
            .output(&["inspect", "--format", "{{.Id}} {{.State.Running}}", &name])?;
    same(&after, &before, "the foreign container")?;
    nothing_named(world, &format!("{lab}-0-client"))?;
    passed()
}

fn nothing_named(world: &World, name: &str) -> Result<(), String> {
    let filter = format!("name={name}");
    let left = world.engine.output(&["ps", "-aq", "--filter", &filter])?;
    same(&left, &String::new(), &format!("containers named {name}"))
}

fn ctrl_c(world: &World) -> Verdict {
    let mut command = suite(world, &[HOME_AND_WAIT])?;
    let lab = format!("{}-ctrl-c", world.name);
    command.env("PLUM_LAB_NAME", &lab);
    let (suite, _lines) = start_and_wait_until_up(&mut command)?;
    let filter = format!("name={lab}");
    let up = world.engine.output(&["ps", "-q", "--filter", &filter])?;
    same(&up.lines().count(), &3, "the containers that are up")?;
    ends_with(suite, Signal::INT, Some(130))?;
    nothing_named(world, &lab)?;
    passed()
}

fn home_and_wait(world: &World) -> Verdict {
    let _home = Home::new(world)?;
    println!("the home {UP}");
    loop {
        std::thread::park();
    }
}

/// Starts an engine, as `PLUM_ENGINE` says, and nothing else.
pub(crate) fn engine_and_wait() -> Result<(), String> {
    match Engine::find() {
        Ok(engine) => println!("{} {UP}", engine.describe()),
        Err(NoEngine::Missing(sentence) | NoEngine::Broken(sentence)) => return Err(sentence),
    }
    loop {
        std::thread::park();
    }
}

fn ctrl_c_own_engine(world: &World) -> Verdict {
    with_an_engine(world, |suite, traces| {
        ends_with(suite, Signal::INT, Some(130))?;
        same(&traces.left(), &Vec::new(), "what is left")?;
        passed()
    })
}

fn killed_own_engine(world: &World) -> Verdict {
    with_an_engine(world, |suite, traces| {
        ends_with(suite, Signal::KILL, None)?;
        wait_for("the daemon's end", || Ok(traces.processes().is_empty()))?;
        // The folder and the control group are swept by whoever starts an engine next.
        let mut next = suite_with_images(world, &traces.images)?;
        let (suite, _lines) = start_and_wait_until_up(&mut next)?;
        ends_with(suite, Signal::INT, Some(130))?;
        same(&traces.left(), &Vec::new(), "what is left")?;
        passed()
    })
}

fn with_an_engine(world: &World, run: impl FnOnce(Supervised, &Traces) -> Verdict) -> Verdict {
    if !world.engine.is_own() {
        // Somebody else's engine says nothing on whether one can be started here.
        return Ok(Outcome::Skipped("this run has started no engine".into()));
    }
    let images = std::env::temp_dir().join(format!("{}-images", world.name));
    let remove = images.clone();
    let _guard = Guard::new(move || {
        let lock = remove.with_extension("lock");
        let _ = stop::unsupervised(Command::new("rm").arg("-rf").arg(&remove).arg(lock));
    });
    let mut command = suite_with_images(world, &images)?;
    let (mut suite, _lines) = start_and_wait_until_up(&mut command)?;
    let traces = Traces {
        name: format!("plumlab-{}", suite.child().id()),
        images,
    };
    if traces.left().len() < 3 {
        return Err(format!("no engine to be seen: {:?}", traces.left()));
    }
    run(suite, &traces)
}

fn suite_with_images(world: &World, images: &Path) -> Result<Command, String> {
    let mut command = suite(world, &[ENGINE_AND_WAIT])?;
    command
        .env_remove("DOCKER_HOST")
        .env("PLUM_ENGINE", "own")
        .env("PLUM_ENGINE_IMAGES", images);
    Ok(command)
}

/// What an engine of our own could leave.
struct Traces {
    name: String,
    images: PathBuf,
}

impl Traces {
    fn left(&self) -> Vec<String> {
        let mut left = self.processes();
        let folder = std::env::temp_dir().join(format!("{}-engine", self.name));
        let groups = std::fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten();
        let groups = groups.map(|entry| entry.path().join(&self.name));
        let groups = groups.chain([Path::new("/sys/fs/cgroup").join(&self.name)]);
        left.extend(
            groups
                .chain([folder])
                .filter(|path| path.exists())
                .map(|path| path.display().to_string()),
        );
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let ours = |line: &&str| {
            line.contains(&self.name) || line.contains(&self.images.display().to_string())
        };
        left.extend(mounts.lines().filter(ours).map(str::to_owned));
        left
    }

    /// Those that run, by the folder's name among their arguments.
    fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&format!("{}-engine", self.name)) {
                found.push(line);
            }
        }
        found
    }
}

fn start_and_wait_until_up(command: &mut Command) -> Result<(Supervised, Lines), String> {
    let mut suite = Supervised::spawn(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    )
    .map_err(|error| error.to_string())?;
    let stdout = suite.child().stdout.take().ok_or("it is piped")?;
    let mut lines = Lines::of("the suite", stdout, false);
    lines.next_with(UP, PATIENCE)?;
    Ok((suite, lines))
}

fn ends_with(mut suite: Supervised, signal: Signal, code: Option<i32>) -> Result<(), String> {
    suite.signal(signal);
    let within = PATIENCE + Duration::from_secs(30);
    let ended = suite.wait_until(Instant::now() + within);
    let status = ended.map_err(|error| error.to_string())?.ok_or(format!(
        "the suite did not end within {within:?} of {signal:?}"
    ))?;
    same(&status.code(), &code, "the suite's exit code")
}
