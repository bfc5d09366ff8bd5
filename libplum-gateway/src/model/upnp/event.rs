//! Eventing subscriptions (UDA 1.0 §4.1), answered as routers do. The events themselves are not
//! sent: the model opens no connections.

use std::time::Duration;

use super::http::{Request, Response};
use super::State;

/// The most subscriptions; then 503, "unable to accept renewal".
const MOST: usize = 32;

/// UDA 1.0 §4.1.1: "greater than or equal to 1800 seconds".
const LONGEST: u64 = 1_800;

#[derive(Debug)]
pub(super) struct Subscription {
    sid: String,
    path: String,
    until: Duration,
}

impl State {
    /// SUBSCRIBE on an event URL of this gateway.
    pub(super) fn subscribe(&mut self, now: Duration, request: &Request, path: &str) -> Response {
        self.subscriptions.retain(|s| s.until > now);
        let seconds = request
            .header("timeout")
            .and_then(|t| t.strip_prefix("Second-"))
            .and_then(|t| t.parse::<u64>().ok())
            .map_or(LONGEST, |t| t.clamp(1, LONGEST));
        let until = now.saturating_add(Duration::from_secs(seconds));
        let sid = match (
            request.header("sid"),
            request.header("nt"),
            request.header("callback"),
        ) {
            // §4.1.2: SID and NT or CALLBACK together are 400.
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => return Response::status(400),
            (Some(sid), None, None) => {
                let mut known = self.subscriptions.iter_mut();
                match known.find(|s| s.sid == sid && s.path == path) {
                    Some(subscription) => subscription.until = until,
                    None => return Response::status(412),
                }
                sid.to_owned()
            }
            (None, Some("upnp:event"), Some(callback)) if is_callback(callback) => {
                if self.subscriptions.len() >= MOST {
                    return Response::status(503);
                }
                self.subscriptions_made += 1;
                let sid = format!("{}-{:04x}", self.root_udn(), self.subscriptions_made);
                let path = path.to_owned();
                self.subscriptions.push(Subscription {
                    sid: sid.clone(),
                    path,
                    until,
                });
                sid
            }
            _ => return Response::status(412),
        };
        Response::status(200)
            .with("SID", sid)
            .with("TIMEOUT", format!("Second-{seconds}"))
    }

    /// UNSUBSCRIBE (§4.1.3).
    pub(super) fn unsubscribe(&mut self, now: Duration, request: &Request, path: &str) -> Response {
        self.subscriptions.retain(|s| s.until > now);
        if request.header("nt").is_some() || request.header("callback").is_some() {
            return Response::status(400);
        }
        let before = self.subscriptions.len();
        let sid = request.header("sid").unwrap_or_default();
        self.subscriptions
            .retain(|s| s.sid != sid || s.path != path);
        Response::status(if self.subscriptions.len() < before {
            200
        } else {
            412
        })
    }
}

/// One or more URLs in angle brackets.
fn is_callback(text: &str) -> bool {
    text.starts_with("<http://") && text.ends_with('>')
}
