//! SOAP 1.1 as UPnP uses it (UDA 1.0 §3.2): one action a request, arguments as text.

use super::xml::escape;

/// What is wrong with a control message before any action is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// More elements than any action has; what is larger is no control message.
const NODES: u32 = 512;

/// A control message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The namespace of the action: the service's type.
    pub(crate) service: String,
    pub(crate) action: String,
    pub(crate) args: Vec<(String, String)>,
    /// Whether Envelope, Body and action all bear prefixes.
    pub(crate) prefixed: bool,
}

impl Call {
    pub(crate) fn arg(&self, name: &str) -> Option<&str> {
        let found = self.args.iter().find(|(n, _)| n == name)?;
        Some(&found.1)
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_matches(|c: char| c == '\0' || c == '\u{feff}' || c.is_whitespace());
        let options = roxmltree::ParsingOptions {
            nodes_limit: NODES,
            ..roxmltree::ParsingOptions::default()
        };
        let document =
            roxmltree::Document::parse_with_options(text, options).map_err(|_| Malformed)?;
        let envelope = document.root_element();
        let named = |node: &roxmltree::Node<'_, '_>, name| {
            node.is_element() && node.tag_name().name() == name
        };
        if !named(&envelope, "Envelope") {
            return Err(Malformed);
        }
        let body = envelope
            .children()
            .find(|n| named(n, "Body"))
            .ok_or(Malformed)?;
        let action = body.children().find(|n| n.is_element()).ok_or(Malformed)?;
        let prefix = |node: roxmltree::Node<'_, '_>| {
            let tag = text.get(node.range()).unwrap_or_default();
            tag.trim_start_matches('<')
                .split([' ', '>', '\t', '\r', '\n', '/'])
                .next()
                .is_some_and(|t| t.contains(':'))
        };
        let args = action.children().filter(|n| n.is_element()).map(|n| {
            let value: String = n
                .children()
                .filter(|c| c.is_text())
                .filter_map(|c| c.text())
                .collect();
            (n.tag_name().name().to_owned(), value.trim().to_owned())
        });
        Ok(Self {
            service: action.tag_name().namespace().unwrap_or_default().to_owned(),
            action: action.tag_name().name().to_owned(),
            args: args.collect(),
            prefixed: prefix(envelope) && prefix(body) && prefix(action),
        })
    }
}

const ENVELOPE: &str = "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>";
/// The one result that is XML itself: gateways put it into CDATA, and miniupnpc reads it only so.
const LISTING: &str = "NewPortListing";
const END: &str = "</s:Body></s:Envelope>\r\n";

/// The answer to an action, arguments in the order given.
pub(crate) fn answer(service: &str, action: &str, args: &[(&str, String)]) -> String {
    let mut out = format!(
        "{ENVELOPE}<u:{action}Response xmlns:u=\"{}\">",
        escape(service)
    );
    for (name, value) in args {
        if *name == LISTING && !value.contains("]]>") {
            out.push_str(&format!("<{name}><![CDATA[{value}]]></{name}>"));
        } else {
            out.push_str(&format!("<{name}>{}</{name}>", escape(value)));
        }
    }
    out.push_str(&format!("</u:{action}Response>{END}"));
    out
}

/// UDA 1.0 §3.2.3: a fault with a UPnPError.
pub(crate) fn fault(code: u16, description: &str) -> String {
    format!(
        "{ENVELOPE}<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>\
         <UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode>\
         <errorDescription>{description}</errorDescription></UPnPError></detail></s:Fault>{END}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(inner: &str) -> String {
        format!("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{inner}</s:Body></s:Envelope>")
    }

    #[test]
    fn an_action_and_its_arguments() {
        let call = Call::parse(
            request("<u:Do xmlns:u=\"urn:x\"><A>1 &amp; 2</A><B/><C><![CDATA[<c>]]></C></u:Do>")
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(
            (call.service.as_str(), call.action.as_str()),
            ("urn:x", "Do")
        );
        assert_eq!(
            (call.arg("A"), call.arg("B"), call.arg("C")),
            (Some("1 & 2"), Some(""), Some("<c>"))
        );
        assert!(call.prefixed);
        let plain = "<Envelope><Body><Do xmlns=\"urn:x\"/></Body></Envelope>";
        assert!(!Call::parse(plain.as_bytes()).unwrap().prefixed);
    }

    #[test]
    fn what_is_no_control_message() {
        for body in [
            "",
            "<",
            "<a/>",
            "<Envelope/>",
            "<Envelope><Body/></Envelope>",
            "\u{0}\u{0}",
        ] {
            assert_eq!(Call::parse(body.as_bytes()), Err(Malformed), "{body:?}");
        }
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Envelope><Body><b>&b;</b></Body></Envelope>";
        assert_eq!(
            Call::parse(bomb.as_bytes()),
            Err(Malformed),
            "no document types"
        );
    }

    #[test]
    fn endless_nesting_is_refused_without_a_deep_stack() {
        let deep = "<a>".repeat(21_000);
        assert_eq!(Call::parse(deep.as_bytes()), Err(Malformed));
        let closed = format!("{}{}", "<a>".repeat(9_000), "</a>".repeat(9_000));
        assert_eq!(Call::parse(closed.as_bytes()), Err(Malformed));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = answer("urn:s", "GetX", &[("NewX", "<&>\"'".to_owned())]);
        let call = Call::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (call.action.as_str(), call.arg("NewX")),
            ("GetXResponse", Some("<&>\"'"))
        );
        assert!(fault(718, "ConflictInMappingEntry")
            .contains("<errorCode>718</errorCode><errorDescription>ConflictInMappingEntry<"));
    }
}
