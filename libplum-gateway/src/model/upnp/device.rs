//! The tree of devices and services, and its documents (UDA 1.0 §2).

use std::fmt::Write as _;

use super::knobs::{Connections, Igd, Upnp};
use super::scpd;
use super::xml::escape;

/// What a service is to this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Layer3Forwarding,
    CommonInterface,
    /// WANIPConnection or WANPPPConnection.
    Connection {
        version: u32,
        ppp: bool,
    },
    Ipv6Firewall,
    /// Listed by a captured description, and without actions here.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) kind: Kind,
    /// The type that calls and answers bear.
    pub(crate) urn: String,
    pub(crate) id: String,
    pub(crate) scpd: String,
    pub(crate) control: String,
    pub(crate) event: String,
    /// Which of the gateway's HTTP ports its actions are on.
    pub(crate) door: usize,
    pub(crate) up: bool,
}

impl Service {
    pub(crate) fn kind_of(urn: &str) -> Kind {
        let mut parts = urn.trim().split(':').rev();
        let version = parts.next().unwrap_or_default();
        let (name, version) = match version.parse() {
            Ok(version) => (parts.next().unwrap_or_default(), version),
            Err(_) => (version, 1), // an unversioned URN
        };
        match name {
            "WANIPConnection" => Kind::Connection {
                version,
                ppp: false,
            },
            "WANPPPConnection" => Kind::Connection { version, ppp: true },
            "Layer3Forwarding" => Kind::Layer3Forwarding,
            "WANCommonInterfaceConfig" => Kind::CommonInterface,
            "WANIPv6FirewallControl" => Kind::Ipv6Firewall,
            _ => Kind::Other,
        }
    }

    fn ours(name: &str, version: u32, id: &str, short: &str) -> Self {
        let urn = format!("urn:schemas-upnp-org:service:{name}:{version}");
        Self {
            kind: Self::kind_of(&urn),
            urn,
            id: format!("urn:upnp-org:serviceId:{id}"),
            scpd: format!("/{short}.xml"),
            control: format!("/ctl/{short}"),
            event: format!("/evt/{short}"),
            door: 0,
            up: true,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) urn: String,
    pub(crate) udn: String,
    pub(crate) name: &'static str,
    pub(crate) services: Vec<Service>,
    pub(crate) devices: Vec<Device>,
}

impl Device {
    /// This device and all within, in document order.
    pub(crate) fn all(&self) -> Vec<&Device> {
        let mut out = vec![self];
        for device in &self.devices {
            out.extend(device.all());
        }
        out
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.all().into_iter().flat_map(|device| &device.services)
    }

    /// The device that these settings describe.
    pub(crate) fn ours(knobs: &Upnp, uuids: &[String; 4]) -> Self {
        let version = match knobs.igd {
            Igd::V1 => 1,
            Igd::V2 => 2,
        };
        let device = |name: &'static str, uuid: &str, services, devices| Device {
            urn: format!("urn:schemas-upnp-org:device:{name}:{version}"),
            udn: format!("uuid:{uuid}"),
            name,
            services,
            devices,
        };
        let ip = |id, short| Service::ours("WANIPConnection", version, id, short);
        let ppp = || Service::ours("WANPPPConnection", 1, "WANPPPConn1", "PPPConn");
        let down = |service| Service {
            up: false,
            ..service
        };
        let mut connections = match knobs.connections {
            Connections::Ip => vec![vec![ip("WANIPConn1", "IPConn")]],
            Connections::Ppp => vec![vec![ppp()]],
            Connections::IpAndPpp => vec![vec![ip("WANIPConn1", "IPConn"), down(ppp())]],
            Connections::TwoIp => vec![
                vec![down(ip("WANIPConn1", "IPConn"))],
                vec![ip("WANIPConn2", "IPConn2")],
            ],
        };
        if knobs.ipv6_firewall {
            let firewall =
                Service::ours("WANIPv6FirewallControl", 1, "WANIPv6Firewall1", "IP6FCtl");
            connections[0].push(firewall);
        }
        let connections = connections
            .into_iter()
            .zip(&uuids[2..])
            .map(|(services, uuid)| device("WANConnectionDevice", uuid, services, Vec::new()))
            .collect();
        let common = Service::ours("WANCommonInterfaceConfig", 1, "WANCommonIFC1", "CmnIfCfg");
        let wan = device("WANDevice", &uuids[1], vec![common], connections);
        let layer3 = Service::ours("Layer3Forwarding", 1, "L3Forwarding1", "L3F");
        let mut own = vec![layer3];
        if knobs.miniupnpd {
            own.push(Service::ours(
                "DeviceProtection",
                1,
                "DeviceProtection1",
                "DP",
            ));
        }
        device("InternetGatewayDevice", &uuids[0], own, vec![wan])
    }

    /// The device description (UDA 1.0 §2.1). `base` is written as URLBase when given.
    pub(crate) fn description(&self, base: Option<&str>, presentation: &str) -> String {
        let mut out = String::from(
            "<?xml version=\"1.0\"?>\r\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">\
             <specVersion><major>1</major><minor>0</minor></specVersion>",
        );
        if let Some(base) = base {
            let _ = write!(out, "<URLBase>{}</URLBase>", escape(base));
        }
        self.write(&mut out, Some(presentation));
        out.push_str("</root>\r\n");
        out
    }

    fn write(&self, out: &mut String, presentation: Option<&str>) {
        let _ = write!(
            out,
            "<device><deviceType>{}</deviceType><friendlyName>libplum {}</friendlyName>\
             <manufacturer>libplum</manufacturer><manufacturerURL>http://localhost/</manufacturerURL>\
             <modelDescription>A home router in a box</modelDescription><modelName>libplum-gateway</modelName>\
             <modelNumber>1</modelNumber><modelURL>http://localhost/</modelURL>\
             <serialNumber>00000000</serialNumber><UDN>{}</UDN><UPC>000000000000</UPC>",
            escape(&self.urn),
            self.name,
            escape(&self.udn),
        );
        if !self.services.is_empty() {
            out.push_str("<serviceList>");
            for service in &self.services {
                let _ = write!(
                    out,
                    "<service><serviceType>{}</serviceType><serviceId>{}</serviceId>\
                     <SCPDURL>{}</SCPDURL><controlURL>{}</controlURL><eventSubURL>{}</eventSubURL></service>",
                    escape(&service.urn),
                    escape(&service.id),
                    escape(&service.scpd),
                    escape(&service.control),
                    escape(&service.event),
                );
            }
            out.push_str("</serviceList>");
        }
        if !self.devices.is_empty() {
            out.push_str("<deviceList>");
            for device in &self.devices {
                device.write(out, None);
            }
            out.push_str("</deviceList>");
        }
        if let Some(url) = presentation {
            let _ = write!(out, "<presentationURL>{}</presentationURL>", escape(url));
        }
        out.push_str("</device>");
    }
}

impl Service {
    /// The service's own description (UDA 1.0 §2.3).
    pub(crate) fn scpd_document(&self) -> String {
        scpd::document(self.kind)
    }
}
