//! `LAB_RECORD=FILE` writes what miniupnpd said, where its quirk says the same, as
//! `libplum-gateway/tests/recorded/miniupnpd-2.3.1-upnp.txt` has it: tests without a namespace ask
//! the model the same.

use std::fmt::Write as _;

use roxmltree::Document;
use serde_json::json;

use crate::ask::{Ask, Host};
use crate::fields::Fields;
use crate::script::Step;

/// One exchange, in lines; `None` for what is no control request and no packet.
pub(crate) fn exchange(step: &Step, answer: &Fields) -> Option<String> {
    let mut out = format!("# {}\n", step.name);
    let number = |from| match from {
        Host::Two => 2,
        Host::Three => 3,
    };
    match &step.ask {
        Ask::Search { .. } => return None,
        Ask::Packet { from, bytes } => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(out, "{}> {hex}", number(*from)).ok()?;
            writeln!(out, "< {}", answer.get("packet")?).ok()?;
        }
        Ask::Http { from, text } => {
            let (head, body) = text.split_once("\r\n\r\n")?;
            let path = head.strip_prefix("POST ")?.split(' ').next()?;
            let document = Document::parse(body).ok()?;
            let action = document.descendants().find(|n| {
                n.parent_element()
                    .is_some_and(|p| p.tag_name().name() == "Body")
            })?;
            let (name, service) = (action.tag_name().name(), action.tag_name().namespace()?);
            if !head.contains(&format!("SOAPAction: \"{service}#{name}\"")) {
                return None;
            }
            let args: Vec<_> = action
                .children()
                .filter(|n| n.is_element())
                .map(|n| json!([n.tag_name().name(), n.text().unwrap_or_default()]))
                .collect();
            // Names in capitals or with a dash are of the head.
            let told: Vec<_> = answer
                .iter()
                .filter(|(name, _)| {
                    name.starts_with("New") || *name == "status" || *name == "errorCode"
                })
                .filter(|(name, _)| !name.contains("NewPortListing"))
                .collect();
            writeln!(
                out,
                "{}> {}",
                number(*from),
                json!([path, service, name, args])
            )
            .ok()?;
            writeln!(out, "< {}", json!(told)).ok()?;
        }
    }
    Some(out)
}
