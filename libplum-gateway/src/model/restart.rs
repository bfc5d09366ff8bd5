//! What befalls the gateway as a whole: restarts, a closed port, another address outside.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::announce::Beacon;
use super::choice::Announcements;
use super::epoch::Epoch;
use super::table::Writer;
use super::Model;
use crate::error::ConfigError;
use crate::log::Fate;

/// UDA 1.0 §1.1.2: announcements are repeated, for UDP is not reliable.
const ALIVE_AGAIN: Duration = Duration::from_millis(200);

/// What a restart does to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// The rules survive, and so the epoch runs on (RFC 6887 §8.5: it is reset when state is lost).
    KeepTable,
    /// Only static rules survive; the epoch starts from 0 (RFC 6887 §8.5, RFC 6886 §3.6).
    LoseTable,
}

impl Model {
    /// Restarts the daemon, in no time: the port is open afterwards, requests that waited are
    /// forgotten, and [`Announcements`] says who hears of it.
    pub fn restart(&mut self, now: Duration, restart: Restart) {
        let now = self.advance(now);
        self.forget_waiting();
        self.beacons.clear();
        self.open = true;
        self.upnp.restarted(now);
        if restart == Restart::LoseTable {
            self.table.retain(|rule| rule.writer == Writer::Static);
            self.epoch = Epoch::starting(now, 0);
        }
        self.announce_start(now);
    }

    /// Sends what a daemon sends when it starts, as [`Announcements`] has it.
    pub fn announce_start(&mut self, now: Duration) {
        let now = self.advance(now);
        match self.knobs.announcements {
            Announcements::Rfc => {
                self.announce_by_rfc(now);
                self.beacon(now, Beacon::ssdp(true));
                self.beacon(now + ALIVE_AGAIN, Beacon::ssdp_for_good());
            }
            Announcements::Miniupnpd => {
                self.beacon(now, Beacon::pcp(None));
                self.beacon(now, Beacon::ssdp_for_good());
            }
            Announcements::Never => {}
        }
        self.advance(now);
    }

    /// Closes the port: what arrives is refused until [`Model::restart`] or [`Model::open`].
    pub fn close(&mut self, now: Duration) {
        self.advance(now);
        self.forget_waiting();
        self.upnp.drop_streams();
        self.open = false;
    }

    /// Opens the port again; nothing is announced.
    pub fn open(&mut self, now: Duration) {
        self.advance(now);
        self.open = true;
    }

    /// The WAN side gets another address, or loses it. The epoch is reset (RFC 6887 §8.5: "if the
    /// external IP address(es) of the NAT changes, the Epoch time MUST be reset") and
    /// [`Announcements`] says who hears of it; rules are kept.
    ///
    /// # Errors
    ///
    /// When the address cannot be one; then nothing has changed.
    pub fn change_external_ip(
        &mut self,
        now: Duration,
        ip: Option<Ipv4Addr>,
    ) -> Result<(), ConfigError> {
        let now = self.advance(now);
        self.set(|knobs| knobs.external_ip = ip)?;
        if self.knobs.upnp.wan_change_loses_rules {
            self.table.retain(|rule| rule.writer == Writer::Static);
            self.upnp.reconnected(now);
        }
        let old_epoch = self.epoch(now);
        self.beacons.clear();
        self.epoch = Epoch::starting(now, 0);
        match self.knobs.announcements {
            Announcements::Rfc => {
                self.announce_by_rfc(now);
                if ip.is_some() {
                    self.update_all(now);
                }
            }
            Announcements::Miniupnpd => {
                self.beacon(now, Beacon::nat_pmp(Some(old_epoch)));
                self.beacon(now, Beacon::pcp(None));
            }
            Announcements::Never => {}
        }
        self.advance(now);
        Ok(())
    }

    fn forget_waiting(&mut self) {
        self.done_at = None;
        self.busy_until = self.now;
        for request in self.waiting.drain(..) {
            self.log.set_fate(request.number, Fate::Forgotten);
        }
    }
}
