//! The images: one for each role, on one base. Nothing is ever pulled without saying so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::engine::{is_here, Engine};
use super::stop::{self, unsupervised, Guard};
use crate::lab::{target_folder, under_ci};

/// What the Dockerfiles name.
const PUBLIC_BASE: &str = "debian:bookworm-slim";
/// The release of [`PUBLIC_BASE`].
const RELEASE: &str = "bookworm";
/// The base that this suite makes where the public one is not to be had.
const OWN_BASE: &str = "libplum-lab/base:bookworm";

/// The built images, by role.
#[derive(Debug, Clone)]
pub struct Images {
    /// miniupnpd and nftables.
    pub gateway: String,
    /// Where libplum runs.
    pub client: String,
    /// A host on the WAN.
    pub outside: String,
}

impl Images {
    /// Builds what the engine does not have yet, and sees that containers start.
    ///
    /// # Errors
    ///
    /// One sentence that says what to do.
    pub fn prepare(engine: &mut Engine) -> Result<Self, String> {
        let base = base(engine)?;
        let images = Images {
            gateway: build(engine, &base, "gateway")?,
            client: build(engine, &base, "client")?,
            outside: build(engine, &base, "outside")?,
        };
        engine.learn_limits(&images.client)?;
        Ok(images)
    }
}

fn build(engine: &Engine, base: &str, role: &str) -> Result<String, String> {
    let image = format!("libplum-lab/{role}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docker")
        .join(role);
    let base = format!("BASE={base}");
    let folder = folder.display().to_string();
    let mut args = vec![
        "build",
        "--pull=false",
        "--force-rm",
        "-t",
        &image,
        "--build-arg",
        &base,
    ];
    if engine.is_own() {
        // It has no network but the host's.
        args.extend(["--network", "host"]);
    }
    args.push(&folder);
    let output = engine.run(&args, "")?;
    if output.status.success() {
        return Ok(image);
    }
    Err(format!(
        "the image {image} could not be built ({}): see that Debian's packages can be reached, \
         then run this again",
        output.complaint()
    ))
}

/// The name of the base image, which is there when this returns.
fn base(engine: &Engine) -> Result<String, String> {
    let here = |image: &str| engine.output(&["image", "inspect", image]).is_ok();
    if let Some(asked) = std::env::var("BASE").ok().filter(|base| !base.is_empty()) {
        return match here(&asked) {
            true => Ok(asked),
            false => Err(format!(
                "the base image {asked} is not here: fetch it, or leave BASE unset"
            )),
        };
    }
    for image in [PUBLIC_BASE, OWN_BASE] {
        if here(image) {
            return Ok(image.to_owned());
        }
    }
    // CI tests this tree, not a registry. PLUM_PULL=0 says the same elsewhere.
    let pull = !under_ci() && std::env::var_os("PLUM_PULL").is_none_or(|value| value != "0");
    if pull {
        stop::complain(&format!(
            "pulling {PUBLIC_BASE} (PLUM_PULL=0 makes a base from packages)"
        ));
        match engine.output(&["pull", PUBLIC_BASE]) {
            Ok(_) => return Ok(PUBLIC_BASE.to_owned()),
            Err(why) => stop::complain(&format!("it cannot be pulled: {why}")),
        }
    }
    if !is_here("debootstrap") || !rustix::process::geteuid().is_root() {
        return Err(format!(
            "there is no base image: fetch {PUBLIC_BASE}, or run this as root with Debian's \
             package debootstrap installed, which makes one"
        ));
    }
    debootstrap(engine)?;
    Ok(OWN_BASE.to_owned())
}

/// Half a minute, once: the image stays with the engine.
fn debootstrap(engine: &Engine) -> Result<(), String> {
    stop::complain(&format!(
        "making the base image from Debian's packages ({RELEASE})"
    ));
    let work = target_folder().join(format!("lab/plumlab-{}-base", std::process::id()));
    fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    let _guard = removed_at_the_end(&work);
    let tree = work.join("tree");
    // In a mount namespace of its own: what it mounts in the tree is gone when it ends.
    step(
        Command::new("unshare")
            .args(["--mount", "debootstrap", "--variant=minbase", RELEASE])
            .arg(&tree),
    )?;
    let archive = work.join("base.tar");
    // What apt fetched is no part of an image.
    step(
        Command::new("tar")
            .args([
                "--exclude=./var/cache/apt/archives/*.deb",
                "--exclude=./var/lib/apt/lists/*",
            ])
            .arg("-C")
            .arg(&tree)
            .arg("-cf")
            .arg(&archive)
            .arg("."),
    )?;
    let archive = archive.display().to_string();
    engine
        .output(&["import", &archive, OWN_BASE])
        .map(|_id| ())
        .map_err(|why| format!("the base image could not be brought in: {why}"))
}

fn removed_at_the_end(folder: &Path) -> Guard {
    let folder: PathBuf = folder.to_owned();
    Guard::new(move || {
        let _ = unsupervised(Command::new("rm").arg("-rf").arg("--").arg(&folder));
    })
}

fn step(command: &mut Command) -> Result<(), String> {
    let output = stop::run(command, "").map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{}: {}: see that Debian's packages can be reached, then run this again",
            command.get_program().to_string_lossy(),
            output.complaint()
        )),
    }
}
