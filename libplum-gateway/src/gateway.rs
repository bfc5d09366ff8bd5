//! The handle of a running gateway.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::builder::Builder;
use crate::error::ConfigError;
use crate::log::{Entry, Fate};
use crate::model::{Announcement, Knobs, Model, Restart, Rule, Transport, Update};
use crate::packet::Op;
use crate::server::Server;

/// A gateway that listens on a socket of this host. Dropping it stops it: its threads are joined
/// and its port is free when `drop` returns.
pub struct Gateway {
    server: Server,
}

impl Gateway {
    /// A gateway to be: PCP, NAT-PMP and UPnP on 127.0.0.1, any free ports, until told otherwise.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.shared().addr()
    }

    /// Where searches of SSDP can be sent, by unicast; `None` without UPnP.
    pub fn ssdp_addr(&self) -> Option<SocketAddr> {
        self.server.shared().ssdp_addr()
    }

    /// Where the description is served; `None` without UPnP. With [`crate::model::upnp::Upnp`]'s
    /// `moving_port` it is another one after each restart.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.server.shared().http_addrs().first().copied()
    }

    /// The URL of the description, as LOCATION names it unless a quirk has it otherwise.
    pub fn description_url(&self) -> Option<String> {
        let path = self.with(|model, _| model.description_path());
        Some(format!("http://{}{path}", self.http_addr()?))
    }

    /// The time of the model: since the gateway started.
    pub fn now(&self) -> Duration {
        self.server.shared().now()
    }

    /// The moment of a model time, such as [`Entry::at`].
    pub fn instant(&self, at: Duration) -> Instant {
        self.server.shared().start_instant() + at
    }

    /// The live rules.
    pub fn rules(&self) -> Vec<Rule> {
        self.with(|model, _| model.rules())
    }

    /// Everything that was asked and answered.
    pub fn log(&self) -> LogReader<'_> {
        LogReader { gateway: self }
    }

    /// Changes settings, all or none.
    ///
    /// # Errors
    ///
    /// When the outcome is impossible; then nothing has changed.
    pub fn set(&self, change: impl FnOnce(&mut Knobs)) -> Result<(), ConfigError> {
        let addr = self.addr();
        self.with(|model, _| {
            let mut knobs = model.knobs().clone();
            change(&mut knobs);
            if knobs.nat_pmp && !addr.is_ipv4() {
                return Err(ConfigError::NatPmpNeedsIpv4(addr));
            }
            model.set(|current| *current = knobs)
        })
    }

    /// Waits until the gateway's state satisfies `condition`; `false` after `timeout`. The
    /// condition is tried again after each event, under the gateway's lock: it must be short and
    /// must not call the gateway.
    #[must_use = "false means that the condition never held"]
    pub fn wait_until(&self, timeout: Duration, mut condition: impl FnMut(&Model) -> bool) -> bool {
        self.server
            .shared()
            .wait(timeout, |model| condition(model).then_some(()))
            .is_some()
    }

    /// Waits for a rule that satisfies `condition`; `None` after `timeout`.
    pub fn wait_for_rule(
        &self,
        timeout: Duration,
        mut condition: impl FnMut(&Rule) -> bool,
    ) -> Option<Rule> {
        self.server.shared().wait(timeout, |model| {
            model.rules().into_iter().find(&mut condition)
        })
    }

    /// Restarts the daemon. Its connections end, and closed ports are opened again.
    ///
    /// # Errors
    ///
    /// When a port was closed and the system does not give it back.
    pub fn restart(&self, restart: Restart) -> io::Result<()> {
        self.server
            .shared()
            .open(true, |model, now| model.restart(now, restart))
    }

    /// Closes all ports: clients see an ICMP port unreachable, or their connections refused. When
    /// this returns, they are closed.
    pub fn close_port(&self) {
        self.server.shared().close();
    }

    /// Opens the ports again, as if nothing had been.
    ///
    /// # Errors
    ///
    /// When the system does not give it back.
    pub fn open_port(&self) -> io::Result<()> {
        self.server.shared().open(false, Model::open)
    }

    /// Keeps silent from now on: requests are logged, and nothing is done.
    pub fn stop_answering(&self) {
        self.with(|model, _| {
            let changed = model.set(|knobs| knobs.silence.all = true);
            debug_assert!(changed.is_ok(), "silence contradicts nothing");
        });
    }

    /// Ends the silence.
    pub fn answer_again(&self) {
        self.with(|model, _| {
            let changed = model.set(|knobs| knobs.silence.all = false);
            debug_assert!(changed.is_ok(), "speech contradicts nothing");
        });
    }

    /// The WAN side gets another address, or loses it. See [`Model::change_external_ip`].
    ///
    /// # Errors
    ///
    /// When it cannot be an external address.
    pub fn change_external_ip(&self, ip: impl Into<Option<Ipv4Addr>>) -> Result<(), ConfigError> {
        let ip = ip.into();
        self.with(|model, now| model.change_external_ip(now, ip))
    }

    /// The epoch as it is, in seconds (RFC 6887 §8.5).
    pub fn epoch(&self) -> u32 {
        self.with(|model, now| model.epoch(now))
    }

    /// Sets the epoch, in seconds, forwards or backwards.
    pub fn set_epoch(&self, seconds: u32) {
        self.with(|model, now| model.set_epoch(now, seconds));
    }

    /// Sends one unsolicited packet of each protocol that is on, and in the announcement.
    pub fn announce(&self, announcement: Announcement) {
        self.with(|model, now| model.announce(now, announcement));
    }

    pub(crate) fn announce_start(&self) {
        self.with(|model, now| model.announce_start(now));
    }

    /// Sends the client of a PCP rule one Mapping Update (RFC 6887 §14.2). `false` when there is
    /// no such rule, or when the port it should move to is taken.
    #[must_use = "false means that nothing was sent"]
    pub fn update(&self, transport: Transport, external_port: u16, update: Update) -> bool {
        self.with(|model, now| model.update(now, transport, external_port, update))
    }

    /// Takes a rule away without a word, as a reboot of the firewall alone would.
    pub fn forget_rule(&self, transport: Transport, external_port: u16) -> Option<Rule> {
        self.with(|model, now| model.forget_rule(now, transport, external_port))
    }

    /// Enters a rule by the administrator's hand, for this or any other host: it never expires and
    /// no protocol deletes it. It replaces whoever held the external port.
    pub fn insert_static(
        &self,
        transport: Transport,
        client: IpAddr,
        internal_port: u16,
        external_port: u16,
    ) {
        self.with(|model, now| {
            model.insert_static(now, transport, client, internal_port, external_port);
        });
    }

    /// Whatever else the model can do, at the present time.
    pub fn with<T>(&self, act: impl FnOnce(&mut Model, Duration) -> T) -> T {
        self.server.shared().with(act)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("addr", &self.addr())
            .finish_non_exhaustive()
    }
}

/// Questions to a running gateway's [`crate::Log`]. Answers are copies.
#[derive(Debug, Clone, Copy)]
pub struct LogReader<'a> {
    gateway: &'a Gateway,
}

impl LogReader<'_> {
    /// All packets still in the log, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.gateway
            .with(|model, _| model.log().entries().cloned().collect())
    }

    /// The requests among them.
    pub fn requests(&self) -> Vec<Entry> {
        self.gateway
            .with(|model, _| model.log().requests().cloned().collect())
    }

    /// The answers and unsolicited packets among them, lost ones included.
    pub fn answers(&self) -> Vec<Entry> {
        self.gateway
            .with(|model, _| model.log().answers().cloned().collect())
    }

    /// How many requests of a kind there are.
    pub fn count(&self, op: Op) -> usize {
        self.gateway.with(|model, _| model.log().count(op))
    }

    /// How many entries have been dropped for lack of room.
    pub fn dropped(&self) -> u64 {
        self.gateway.with(|model, _| model.log().dropped())
    }

    /// The first packet in the log, or to come, that satisfies `condition`; `None` after
    /// `timeout`. The condition is tried under the gateway's lock and must not call the gateway.
    pub fn wait_for(
        &self,
        timeout: Duration,
        mut condition: impl FnMut(&Entry) -> bool,
    ) -> Option<Entry> {
        let found = |model: &Model| model.log().entries().find(|e| condition(e)).cloned();
        self.gateway.server.shared().wait(timeout, found)
    }

    /// Waits until there are `n` requests of a kind; `false` after `timeout`.
    #[must_use = "false means that they never came"]
    pub fn wait_for_count(&self, timeout: Duration, op: Op, n: usize) -> bool {
        self.gateway
            .wait_until(timeout, |model| model.log().count(op) >= n)
    }

    /// What has been settled since the last call, oldest first: the entries from number `next` on
    /// up to the first that is still [`Fate::Waiting`]. Waits up to `timeout` for one, and counts
    /// `next` on. Entries that the log has dropped meanwhile are left out.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let gateway = libplum_gateway::Gateway::builder().start()?;
    /// # let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # client.send_to(&[0, 0], gateway.addr())?;
    /// let mut next = 0;
    /// for entry in gateway.log().follow(&mut next, Duration::from_secs(5)) {
    ///     println!("{}", entry.to_json());
    /// }
    /// # assert!(next > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn follow(&self, next: &mut u64, timeout: Duration) -> Vec<Entry> {
        let found = self.gateway.server.shared().wait(timeout, |model| {
            let log = model.log();
            let first = (*next).max(log.dropped());
            let settled: Vec<Entry> = (first..log.total())
                .map_while(|number| log.get(number).filter(|e| e.fate != Fate::Waiting))
                .cloned()
                .collect();
            (!settled.is_empty()).then_some(settled)
        });
        let found = found.unwrap_or_default();
        if let Some(last) = found.last() {
            *next = last.number + 1;
        }
        found
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.gateway.with(|model, _| model.clear_log());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_shared_between_threads() {
        fn is_shared<T: Send + Sync + 'static>() {}
        is_shared::<Gateway>();
        is_shared::<Model>();
    }
}
