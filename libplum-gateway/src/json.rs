//! Log entries as JSON, one object a line.

use serde_json::{json, Map, Value};

use crate::log::{Entry, Fate};
use crate::message::HttpMessage;
use crate::packet::{NatPmpPacket, Packet, PcpPacket};

impl Entry {
    /// The entry as one line of JSON, without a line end. Times are in seconds; `protocol` is one of
    /// `pcp`, `nat-pmp`, `ssdp`, `http` and `unknown`, and decides what else is there.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use libplum_gateway::model::{Knobs, Model};
    /// # let mut gateway = Model::new(Knobs::default(), 7)?;
    /// gateway.receive(Duration::from_secs(3), "192.168.1.20:40000".parse().unwrap(), &[0, 0]);
    /// let line = gateway.log().entries().next().unwrap().to_json();
    /// assert!(line.contains("\"op\":\"NatPmpAddress\""));
    /// # Ok::<(), libplum_gateway::ConfigError>(())
    /// ```
    pub fn to_json(&self) -> String {
        let mut out = Map::new();
        out.insert("number".into(), self.number.into());
        out.insert("at".into(), self.at.as_secs_f64().into());
        out.insert("direction".into(), format!("{:?}", self.direction).into());
        out.insert("peer".into(), self.peer.to_string().into());
        out.insert("op".into(), format!("{:?}", self.op()).into());
        if let Fate::Dropped(why) = self.fate {
            out.insert("fate".into(), "Dropped".into());
            out.insert("why".into(), format!("{why:?}").into());
        } else {
            out.insert("fate".into(), format!("{:?}", self.fate).into());
        }
        if let Some(request) = self.request {
            out.insert("request".into(), request.into());
        }
        out.insert("length".into(), self.length.into());
        let (protocol, what) = match &self.packet {
            Packet::Pcp(p) => ("pcp", pcp(p)),
            Packet::NatPmp(p) => ("nat-pmp", nat_pmp(p)),
            Packet::Ssdp(m) => ("ssdp", message(m)),
            Packet::Http(m) => ("http", message(m)),
            Packet::Unknown => ("unknown", Value::Null),
        };
        out.insert("protocol".into(), protocol.into());
        if let Value::Object(what) = what {
            out.extend(what);
        }
        if !matches!(self.packet, Packet::Ssdp(_) | Packet::Http(_)) {
            out.insert("raw".into(), hex(&self.raw).into());
        }
        Value::Object(out).to_string()
    }
}

fn pcp(p: &PcpPacket) -> Value {
    let mut out = json!({
        "opcode": p.opcode,
        "response": p.response,
        "result": p.result,
        "lifetime": p.lifetime,
        "epoch": p.epoch,
        "client": p.client.map(|ip| ip.to_canonical().to_string()),
        "options": p.options.iter().map(|(code, _)| code).collect::<Vec<_>>(),
    });
    if let Some(map) = &p.map {
        out["nonce"] = hex(&map.nonce.0).into();
        out["transport"] = map.protocol.into();
        out["internal_port"] = map.internal_port.into();
        out["external_port"] = map.external_port.into();
        out["external_ip"] = map.external_addr().to_string().into();
    }
    out
}

fn nat_pmp(p: &NatPmpPacket) -> Value {
    json!({
        "opcode": p.opcode,
        "result": p.result,
        "epoch": p.epoch,
        "external_ip": p.external_ip.map(|ip| ip.to_string()),
        "internal_port": p.internal_port,
        "external_port": p.external_port,
        "lifetime": p.lifetime,
    })
}

fn message(m: &HttpMessage) -> Value {
    let headers: Vec<_> = m.headers.iter().map(|(n, v)| json!([n, v])).collect();
    let mut out = json!({ "start": m.start, "headers": headers });
    if let Some(soap) = &m.soap {
        let args: Map<String, Value> = soap
            .args
            .iter()
            .map(|(n, v)| (n.clone(), v.clone().into()))
            .collect();
        out["service"] = soap.service.clone().into();
        out["action"] = soap.action.clone().into();
        out["args"] = args.into();
        out["error"] = soap.error.into();
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
