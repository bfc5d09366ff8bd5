//! The MAP Opcode (RFC 6887 §11.3) and its lifetimes (§15.1), under both table models.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::option::{Options, ANY_V4};
use super::{as_v6, code, Refusal};
use crate::model::table::{Filter, Held, Key, TableModel, Transport, Writer};
use crate::model::Model;
use crate::packet::MapFields;

/// §13.2: a conflict lasts for "the remaining lifetime of the conflicting mapping + TIME_WAIT",
/// which is twice the maximum segment lifetime of 2 minutes.
const TIME_WAIT: u32 = 240;

/// What a success response says.
pub(super) struct Granted {
    pub(super) port: u16,
    pub(super) ip: Ipv6Addr,
    /// The Lifetime field, in seconds.
    pub(super) told: u32,
}

/// One MAP that asks to create or renew.
struct Wish<'a> {
    client: IpAddr,
    peer: SocketAddr,
    transport: Transport,
    lifetime: u32,
    fields: &'a MapFields,
    options: &'a Options,
}

impl Model {
    pub(super) fn map(
        &mut self,
        at: Duration,
        from: SocketAddr,
        lifetime: u32,
        fields: &MapFields,
        options: &Options,
    ) -> Result<Granted, Refusal> {
        // "If the protocol is zero and the internal port is non-zero, then the request is invalid
        // and the PCP server MUST return a MALFORMED_REQUEST error."
        if fields.protocol == 0 && fields.internal_port != 0 {
            return Err(code::MALFORMED_REQUEST.into());
        }
        let transport = Transport::from_number(fields.protocol);
        if lifetime == 0 {
            return self.map_delete(from.ip(), transport, fields, options);
        }
        // Wildcards ('all-ports' and 'DMZ host') cannot be fulfilled here either.
        let transport = transport.filter(|_| fields.internal_port != 0);
        let transport = transport.ok_or(code::UNSUPP_PROTOCOL)?;
        let client = from.ip();
        let wish = Wish {
            client,
            peer: from,
            transport,
            lifetime,
            fields,
            options,
        };
        match client {
            IpAddr::V4(_) => self.map_v4(at, &wish),
            IpAddr::V6(ip) => self.map_v6(at, &wish, ip),
        }
    }

    /// §15.1. The suggested port and address "MUST be copied into the assigned external IP address
    /// and assigned external port of the response".
    fn map_delete(
        &mut self,
        client: IpAddr,
        transport: Option<Transport>,
        fields: &MapFields,
        options: &Options,
    ) -> Result<Granted, Refusal> {
        let now = self.now;
        // Both models look at the newest rule of the internal port; StrictNonce has only one.
        let rule = transport.and_then(|t| self.table.newest(client, t, fields.internal_port));
        let key = rule.map(Held::key);
        if let Some(rule) = rule {
            // §15.1: what was created outside of PCP gives NOT_AUTHORIZED; §11.3: another nonce
            // does too, "with the lifetime of the error indicating duration of that [...] mapping".
            if rule.writer != Writer::Pcp || rule.nonce != Some(fields.nonce) {
                let lasts = rule.remaining_seconds(now);
                return Err(Refusal::lasting(code::NOT_AUTHORIZED, lasts));
            }
        }
        // §11.3: "e.g., the PREFER_FAILURE option is included in a request with lifetime=0".
        if options.any_for_creating {
            return Err(code::MALFORMED_OPTION.into());
        }
        let ip = match self.knobs.delete_tells_external {
            true => self.external_for(client),
            false => fields.external_ip,
        };
        match key {
            Some(key) => drop(self.table.remove(key)),
            None if client.is_ipv4() && self.knobs.delete_of_nothing != code::SUCCESS => {
                return Err(self.knobs.delete_of_nothing.into());
            }
            None => {}
        }
        Ok(Granted {
            port: fields.external_port,
            ip,
            told: 0,
        })
    }

    fn map_v4(&mut self, at: Duration, wish: &Wish<'_>) -> Result<Granted, Refusal> {
        let suggested = wish.fields.external_port;
        let internal = wish.fields.internal_port;
        let existing = self.table.newest(wish.client, wish.transport, internal);
        let strict = self.knobs.table == TableModel::StrictNonce;
        if let Some(rule) = existing.filter(|rule| strict && rule.writer == Writer::Pcp) {
            if rule.nonce != Some(wish.fields.nonce) {
                let lasts = rule.remaining_seconds(at);
                return Err(Refusal::lasting(code::NOT_AUTHORIZED, lasts));
            }
        }
        check_preference(wish)?;
        let external = self.knobs.external_ip.ok_or(code::NETWORK_FAILURE)?;
        let ip = external.to_ipv6_mapped();
        // §13.2 needs "both the suggested external port and suggested external address"; the
        // wildcard address suggests none.
        let wanted = wish.fields.external_ip;
        let address_fits = wanted == ANY_V4 || wanted == ip;
        let insists = wish.options.prefer_failure;
        let fixed = existing
            .filter(|rule| strict || rule.writer == Writer::Static)
            .map(|rule| (rule.external_port, rule.writer));
        if let Some((port, writer)) = fixed {
            if insists && !(address_fits && suggested == port) {
                return Err(code::CANNOT_PROVIDE_EXTERNAL.into());
            }
            if writer == Writer::Static {
                // §11.3: "SHOULD indicate a lifetime of 2^32-1 seconds".
                return Ok(Granted {
                    port,
                    ip,
                    told: u32::MAX,
                });
            }
            return self.write_map_rule(at, wish, port, ip);
        }
        let port = self.choose_port(wish.client, wish.transport, internal, suggested);
        if insists && !(address_fits && port == Some(suggested)) {
            return Err(self.cannot_provide(at, wish.transport, suggested));
        }
        self.write_map_rule(at, wish, port.ok_or(code::NO_RESOURCES)?, ip)
    }

    /// A pinhole: nothing is translated, so the suggestion has no say, and the nonce always counts.
    fn map_v6(&mut self, at: Duration, wish: &Wish<'_>, ip: Ipv6Addr) -> Result<Granted, Refusal> {
        let port = wish.fields.internal_port;
        let existing = self.table.get(Key::V6(wish.transport, ip, port));
        if let Some(rule) = existing.filter(|rule| rule.writer == Writer::Pcp) {
            if rule.nonce != Some(wish.fields.nonce) {
                let lasts = rule.remaining_seconds(at);
                return Err(Refusal::lasting(code::NOT_AUTHORIZED, lasts));
            }
        }
        let is_static = existing.is_some_and(|rule| rule.writer == Writer::Static);
        check_preference(wish)?;
        let wanted = wish.fields.external_ip;
        let fits = (wanted.is_unspecified() || wanted == ip) && wish.fields.external_port == port;
        if wish.options.prefer_failure && !fits {
            return Err(code::CANNOT_PROVIDE_EXTERNAL.into());
        }
        if is_static {
            return Ok(Granted {
                port,
                ip,
                told: u32::MAX,
            });
        }
        self.write_map_rule(at, wish, port, ip)
    }

    /// Creates or refreshes the rule, when there is room; an error changes nothing (§7.3).
    fn write_map_rule(
        &mut self,
        at: Duration,
        wish: &Wish<'_>,
        port: u16,
        ip: Ipv6Addr,
    ) -> Result<Granted, Refusal> {
        let granted = self.grant(wish.lifetime);
        let mut rule = Held {
            transport: wish.transport,
            client: wish.client,
            internal_port: wish.fields.internal_port,
            external_port: port,
            writer: Writer::Pcp,
            nonce: Some(wish.fields.nonce),
            expires: Some(at.saturating_add(Duration::from_secs(granted.into()))),
            filters: Vec::new(),
            peer: Some(wish.peer),
            label: None,
            written: at,
            serial: 0,
        };
        match self.table.get(rule.key()) {
            // §13.3: "the filters indicated in the new request are added to any existing filters".
            Some(old) => rule.filters.clone_from(&old.filters),
            None if self.table.len() >= self.knobs.max_rules => {
                return Err(code::NO_RESOURCES.into());
            }
            None if self.rules_of(wish.client) >= self.knobs.max_rules_per_host => {
                return Err(code::USER_EX_QUOTA.into());
            }
            None => {}
        }
        add_filters(
            &mut rule.filters,
            &wish.options.filters,
            self.knobs.max_filters,
        )?;
        self.table.write(rule);
        debug_assert!(ip == self.external_for(wish.client) || as_v6(wish.client) == ip);
        Ok(Granted {
            port,
            ip,
            told: self.told(granted),
        })
    }

    /// §13.2: the error lasts as long as what is in the way, when that is a rule.
    fn cannot_provide(&self, at: Duration, transport: Transport, port: u16) -> Refusal {
        match self.table.get(Key::V4(transport, port)) {
            Some(rule) => {
                let lasts = rule.remaining_seconds(at).saturating_add(TIME_WAIT);
                Refusal::lasting(code::CANNOT_PROVIDE_EXTERNAL, lasts)
            }
            None => code::CANNOT_PROVIDE_EXTERNAL.into(),
        }
    }
}

/// §13.2: PREFER_FAILURE with "zero in the Suggested External Port field" is MALFORMED_OPTION.
fn check_preference(wish: &Wish<'_>) -> Result<(), Refusal> {
    if wish.options.has_prefer_failure && wish.fields.external_port == 0 {
        return Err(code::MALFORMED_OPTION.into());
    }
    Ok(())
}

/// §13.3: in order; prefix length 0 "will remove all previous filters". What exceeds the limit
/// makes the whole request EXCESSIVE_REMOTE_PEERS.
fn add_filters(held: &mut Vec<Filter>, new: &[Filter], limit: usize) -> Result<(), Refusal> {
    for filter in new {
        if filter.prefix_length == 0 {
            held.clear();
        } else if !held.contains(filter) {
            held.push(*filter);
        }
        if held.len() > limit {
            return Err(code::EXCESSIVE_REMOTE_PEERS.into());
        }
    }
    Ok(())
}
