//! miniupnpd, started, watched and killed.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::ability::find_program;
use super::lines::Lines;
use super::namespace::Namespace;

/// Which daemon, and what it offers.
#[derive(Debug, Clone, Default)]
pub struct DaemonOptions {
    /// The program; `None`: Debian's.
    pub program: Option<PathBuf>,
    /// Offer UPnP too, not only what lives on port 5351.
    pub upnp: bool,
}

/// A running miniupnpd. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    lines: Lines,
    folder: PathBuf,
}

/// What it says when it serves port 5351.
pub(crate) const LISTENS: &str = "Listening for NAT-PMP";

/// The daemon starts within milliseconds; a machine under load gets this long.
pub(crate) const START: Duration = Duration::from_secs(20);

impl Daemon {
    pub(crate) fn start(
        host: &Namespace,
        external: &str,
        internal: &str,
        options: &DaemonOptions,
    ) -> Self {
        let folder = Self::folder(host.name());
        fs::create_dir_all(&folder).expect("a folder for the daemon's configuration");
        let file = folder.join("miniupnpd.conf");
        fs::write(&file, configuration(external, internal, options.upnp))
            .expect("the daemon's configuration is written");
        let program = options
            .program
            .clone()
            .or_else(|| find_program("miniupnpd"))
            .expect("miniupnpd is installed");
        let mut command = Command::new(program);
        command
            .arg("-d") // stays in the foreground and logs to standard error
            .arg("-f")
            .arg(&file)
            .arg("-P")
            .arg(folder.join("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = host.spawn(&mut command).expect("miniupnpd starts");
        let stderr = child.stderr.take().expect("it is piped");
        let mut daemon = Daemon {
            child,
            lines: Lines::of("miniupnpd", stderr, false),
            folder,
        };
        daemon.wait_for_line(LISTENS, START);
        daemon
    }

    /// Where the daemon of a namespace keeps its configuration.
    pub(crate) fn folder(namespace: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{namespace}-daemon"))
    }

    /// Waits for a log line that contains `text`.
    ///
    /// # Panics
    ///
    /// When the time runs out or the daemon ends: the message carries its log.
    pub fn wait_for_line(&mut self, text: &str, within: Duration) -> String {
        self.lines
            .next_with(text, within)
            .unwrap_or_else(|said| panic!("{said}"))
    }

    /// SIGKILL: no farewell, no tidying up.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Both fail only when it has ended and was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
    }
}

/// The daemon's configuration; its chains are those of the routers' rule sets.
pub(crate) fn configuration(external: &str, internal: &str, upnp: bool) -> String {
    let upnp = if upnp { "yes" } else { "no" };
    format!(
        "ext_ifname={external}
listening_ip={internal}
enable_natpmp=yes
enable_upnp={upnp}
port=0
secure_mode=yes
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=fc4ec57e-b051-11db-88f8-0060085db3f6
serial=1
model_number=1
notify_interval=60
allow 1024-65535 0.0.0.0/0 1024-65535
"
    )
}
