//! The daemon at work: one request at a time, and which protocol it is.

use std::net::SocketAddr;
use std::time::Duration;

use super::upnp::{Call, HttpRequest, StreamId};
use super::Model;
use crate::log::{Dropped, Fate};
use crate::packet::Op;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) arrived: Duration,
    pub(super) op: Op,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Datagram {
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Http {
        stream: StreamId,
        request: HttpRequest,
        call: Option<Call>,
    },
}

/// What the daemon has to say to a request.
pub(super) enum Reply {
    Answer(Vec<u8>),
    Drop(Dropped),
}

impl Model {
    pub(super) fn begin_service(&mut self) {
        if self.done_at.is_some() {
            return;
        }
        if let Some(request) = self.waiting.front() {
            let begin = request.arrived.max(self.busy_until);
            let mut time = self.knobs.service.time(request.op, self.table.len());
            if matches!(request.what, What::Http { .. }) {
                time = time.saturating_add(self.knobs.upnp.http_service);
            }
            self.done_at = Some(begin.saturating_add(time));
        }
    }

    pub(super) fn finish_service(&mut self, at: Duration) {
        self.done_at = None;
        self.busy_until = at;
        let Some(request) = self.waiting.pop_front() else {
            return;
        };
        let (number, op) = (request.number, request.op);
        match request.what {
            What::Datagram { from, bytes } => match self.serve(at, from, &bytes) {
                Reply::Answer(bytes) => {
                    self.log.set_fate(number, Fate::Answered);
                    self.dispatch(at, from, bytes, Some((number, op)));
                }
                Reply::Drop(why) => self.log.set_fate(number, Fate::Dropped(why)),
            },
            What::Http {
                stream,
                request,
                call,
            } => self.finish_http(at, (number, op), stream, &request, call.as_ref()),
        }
    }

    /// The request takes its place in the daemon's queue.
    pub(super) fn wait_for_service(&mut self, number: u64, now: Duration, op: Op, what: What) {
        self.waiting.push_back(Request {
            number,
            arrived: now,
            op,
            what,
        });
    }

    /// The one place where the version is read (RFC 6887 §8.2, §9 and Appendix A; RFC 6886 §3.5).
    fn serve(&mut self, at: Duration, from: SocketAddr, bytes: &[u8]) -> Reply {
        let &[version, opcode, ..] = bytes else {
            return Reply::Drop(Dropped::TooShort);
        };
        // The R bit in PCP, and 128 and above in NAT-PMP: a response, silently ignored by both.
        if opcode & 0x80 != 0 {
            return Reply::Drop(Dropped::Response);
        }
        match version {
            0 if self.knobs.nat_pmp && from.is_ipv4() => self.nat_pmp(at, from, bytes),
            2 if self.knobs.pcp => self.pcp(at, from, bytes),
            _ if self.knobs.pcp => self.pcp_version_error(at, bytes),
            _ if self.knobs.nat_pmp => self.nat_pmp_version_error(at, opcode),
            _ => Reply::Drop(Dropped::NotForUs),
        }
    }

    pub(super) fn is_silent_to(&self, bytes: &[u8]) -> bool {
        let silence = self.knobs.silence;
        silence.all
            || match bytes.first() {
                Some(0) => silence.nat_pmp,
                Some(2) => silence.pcp,
                _ => false,
            }
    }
}
