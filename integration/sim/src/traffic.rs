//! What the engine may put on the wire: form, nonces, and how much.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use crate::told::Book;

/// What a request is, as far as the checks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Question,
    Map { transport: u8, port: u16 },
    Delete { transport: u8, port: u16 },
}

#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// By (transport, internal port, our address): RFC 6887 section 11.2, and the same again for who
    /// comes back.
    nonces: BTreeMap<(u8, u16, IpAddr), [u8; 12]>,
    /// Ports whose delete has gone out: a new mapping may follow, with a nonce of its own.
    deleted: Vec<(u8, u16)>,
    recent: VecDeque<u64>,
    pub(crate) maps: u64,
    pub(crate) deletes: u64,
    pub(crate) sends: u64,
}

const CLIENT: usize = 8;
const NONCE: usize = 24;
const MAP: usize = 60;

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Traffic {
    /// Judges a datagram that the engine sends at `now`, from this address.
    pub(crate) fn check(
        &mut self,
        now: u64,
        local: IpAddr,
        bytes: &[u8],
        book: &Book,
    ) -> Result<Request, String> {
        self.sends += 1;
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|&at| at + 1000 < now) {
            self.recent.pop_front();
        }
        let most = 40 + 4 * book.ids.len();
        if self.recent.len() > most {
            return Err(format!(
                "a storm: {} datagrams in a second",
                self.recent.len()
            ));
        }
        let request = match bytes.first() {
            Some(0) => nat_pmp(bytes)?,
            Some(2) => pcp(local, bytes)?,
            _ => return Err(format!("a datagram of no protocol: {bytes:?}")),
        };
        match request {
            Request::Question => {}
            Request::Map { transport, port } => {
                self.maps += 1;
                if !book.is_wanted(transport, port) {
                    return Err(format!("port {port} is asked for, which nobody wants"));
                }
            }
            Request::Delete { .. } => self.deletes += 1,
        }
        self.nonce(local, request, bytes)?;
        Ok(request)
    }

    fn nonce(&mut self, local: IpAddr, request: Request, bytes: &[u8]) -> Result<(), String> {
        let mut nonce = [0; 12];
        let (key, is_map) = match request {
            Request::Question => return Ok(()),
            Request::Map { transport, port } => ((transport, port), true),
            Request::Delete { transport, port } => ((transport, port), false),
        };
        let is_new = is_map && self.deleted.contains(&key);
        if !is_map {
            self.deleted.push(key);
        }
        if bytes[0] != 2 {
            return Ok(());
        }
        nonce.copy_from_slice(&bytes[NONCE..NONCE + 12]);
        if is_map {
            self.deleted.retain(|&port| port != key);
        }
        if is_new {
            self.nonces
                .retain(|&(transport, port, _), _| (transport, port) != key);
        }
        match self.nonces.insert((key.0, key.1, local), nonce) {
            Some(old) if old != nonce => Err(format!("port {}: another nonce", key.1)),
            _ => Ok(()),
        }
    }

    /// Nobody holds this port any more.
    pub(crate) fn over(&mut self, transport: u8, port: u16) {
        self.nonces
            .retain(|key, _| (key.0, key.1) != (transport, port));
    }
}

fn nat_pmp(bytes: &[u8]) -> Result<Request, String> {
    match (bytes[1], bytes.len()) {
        (0, 2) => Ok(Request::Question),
        (opcode @ (1 | 2), 12) => {
            let transport = 2 - opcode;
            let (port, external, lifetime) = (be16(bytes, 4), be16(bytes, 6), be32(bytes, 8));
            if port == 0 || (lifetime == 0 && external != 0) || bytes[2..4] != [0, 0] {
                return Err(format!("a bad NAT-PMP request: {bytes:?}"));
            }
            Ok(match lifetime {
                0 => Request::Delete { transport, port },
                _ => Request::Map { transport, port },
            })
        }
        _ => Err(format!("a bad NAT-PMP request: {bytes:?}")),
    }
}

fn pcp(local: IpAddr, bytes: &[u8]) -> Result<Request, String> {
    let bad = |why: &str| Err(format!("a bad PCP request ({why}): {bytes:?}"));
    if bytes.len() < NONCE || bytes.len() % 4 != 0 || bytes[2..4] != [0, 0] {
        return bad("header");
    }
    let mut client = [0; 16];
    client.copy_from_slice(&bytes[CLIENT..CLIENT + 16]);
    if Ipv6Addr::from(client).to_canonical() != local {
        return bad("client's address");
    }
    let lifetime = be32(bytes, 4);
    if bytes[1] == 0 {
        return if bytes.len() == NONCE && lifetime == 0 {
            Ok(Request::Question)
        } else {
            bad("ANNOUNCE")
        };
    }
    if bytes[1] != 1 || bytes.len() < MAP || bytes.len() > MAP + 4 {
        return bad("opcode or length");
    }
    let transport = match bytes[36] {
        6 => 0,
        17 => 1,
        _ => return bad("protocol"),
    };
    let (port, external) = (be16(bytes, 40), be16(bytes, 42));
    let address_is_zero = bytes[44..60].iter().all(|&b| b == 0);
    if port == 0 || bytes[37..40] != [0; 3] {
        return bad("port or reserved");
    }
    if lifetime == 0 {
        // RFC 6887 section 15.1
        let is_right = external == 0 && address_is_zero && bytes.len() == MAP;
        return if is_right {
            Ok(Request::Delete { transport, port })
        } else {
            bad("delete")
        };
    }
    // Section 5: all zeros would ask for an IPv6 address outside.
    if address_is_zero {
        return bad("suggested address");
    }
    if bytes.len() > MAP && (bytes[MAP] != 2 || bytes[61..64] != [0; 3] || external == 0) {
        return bad("option");
    }
    Ok(Request::Map { transport, port })
}
