//! SSDP.

use super::*;
use crate::log::{Dropped, Fate};
use crate::model::{Announcement, Announcements, Odds, Restart, Source};

const IGD1: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
const IGD2: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:2";

fn search_text(st: &str) -> String {
    format!("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\nST: {st}\r\n\r\n")
}

fn ask(m: &mut Model, to_group: bool, text: &str) -> Vec<String> {
    m.receive_ssdp(secs(1), alice(), to_group, text.as_bytes());
    heard(m, secs(1))
}

fn heard(m: &mut Model, now: Duration) -> Vec<String> {
    std::iter::from_fn(|| m.poll(now))
        .map(|t| String::from_utf8(t.bytes).unwrap())
        .collect()
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.split("\r\n").find_map(|line| {
        line.split_once(':')
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
    });
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .1
        .trim()
}

fn sts(m: &mut Model, st: &str) -> Vec<String> {
    ask(m, true, &search_text(st))
        .iter()
        .map(|a| field(a, "st").to_owned())
        .collect()
}

#[test]
fn everything_that_is_there_is_found() {
    let mut m = model(|_| {});
    let answers = ask(&mut m, true, &search_text("ssdp:all"));
    // The root's own, then two for each of three devices, and one for each of three services.
    assert_eq!(answers.len(), 1 + 3 * 2 + 3);
    for answer in &answers {
        let (st, usn) = (field(answer, "st"), field(answer, "usn"));
        assert!(usn == st || usn.ends_with(&format!("::{st}")), "{usn}");
        assert_eq!(
            field(answer, "location"),
            "http://192.168.1.1:5000/rootDesc.xml"
        );
        // And each is found by its own name, by unicast and multicast.
        for to_group in [false, true] {
            assert_eq!(
                ask(&mut m, to_group, &search_text(st)),
                std::slice::from_ref(answer)
            );
        }
    }
    assert_eq!(
        sts(&mut m, "uuid:00000000-0000-0000-0000-000000000000"),
        [""; 0]
    );
    assert_eq!(
        sts(&mut m, "urn:schemas-upnp-org:device:MediaServer:1"),
        [""; 0]
    );
    let last = m.log().requests().last().unwrap();
    assert_eq!(
        (last.fate, last.op()),
        (Fate::Dropped(Dropped::NotForUs), Op::SsdpSearch)
    );
}

#[test]
fn a_newer_device_answers_as_an_older_one() {
    let mut m = model(|k| k.upnp.igd = Igd::V2);
    assert_eq!(sts(&mut m, IGD1), [IGD1]);
    assert_eq!(sts(&mut m, IGD2), [IGD2]);
    let mut m = model(|_| {});
    assert_eq!(sts(&mut m, IGD2), [""; 0]);
    let mut m = quirky(&[Quirk::Wanip2Only]);
    assert_eq!(sts(&mut m, IP1), [""; 0]);
    assert_eq!(sts(&mut m, IP2), [IP2]);
}

#[test]
fn searches_of_the_wrong_form_get_nothing() {
    let right = search_text("upnp:rootdevice");
    let wrong = [
        right.replace("M-SEARCH *", "M-SEARCH /"),
        right.replace("HTTP/1.1", "HTTP/1.0"),
        right.replace("ssdp:discover", "ssdp:find"),
        right.replace("ST: upnp:rootdevice\r\n", ""),
        right.replace("MX: 2\r\n", ""),
        right.replace("M-SEARCH", "NOTIFY"),
        "\r\n".to_owned(),
        String::new(),
        "M-SEARCH".to_owned(),
        "x".repeat(5_000),
        format!("{}X: {}\r\n\r\n", right.trim_end(), "y".repeat(5_000)),
    ];
    for text in &wrong {
        assert_eq!(ask(&mut model(|_| {}), true, text), [""; 0], "{text}");
    }
    let mut m = model(|_| {});
    assert_eq!(
        ask(&mut m, false, &wrong[4]).len(),
        1,
        "by unicast MX is not needed"
    );
    assert_eq!(
        ask(&mut m, true, right.trim_end()).len(),
        1,
        "the empty line is forgiven"
    );
    assert_eq!(
        ask(&mut m, true, &right.replace('"', "")).len(),
        1,
        "and so are the quotes"
    );
    let mut m = quirky(&[Quirk::Strict]);
    assert_eq!(ask(&mut m, true, &right).len(), 1);
    assert_eq!(ask(&mut m, true, right.trim_end()), [""; 0]);
    assert_eq!(ask(&mut m, true, &right.replace('"', "")), [""; 0]);
    assert_eq!(ask(&mut m, true, &right.replace("HOST", "HOTS")), [""; 0]);
}

#[test]
fn quirks_of_search() {
    let mut m = quirky(&[Quirk::RootdeviceOnly]);
    assert_eq!(sts(&mut m, "ssdp:all"), ["upnp:rootdevice"]);
    assert_eq!(sts(&mut m, IGD1), [""; 0]);
    let mut m = quirky(&[Quirk::LocationElsewhere]);
    assert_eq!(
        field(&ask(&mut m, true, &search_text(IGD1))[0], "location"),
        "http://10.255.255.1:5000/rootDesc.xml"
    );
    let document = exchange(
        &mut m,
        secs(1),
        alice(),
        b"GET /rootDesc.xml HTTP/1.0\r\n\r\n",
    );
    assert!(
        document.contains("<URLBase>http://10.255.255.1:5000</URLBase>"),
        "{document}"
    );
    let mut m = quirky(&[Quirk::OddResponder]);
    let answers = ask(&mut m, true, &search_text(IGD1));
    assert_eq!(answers.len(), 2);
    assert!(field(&answers[0], "location").ends_with("/odd.xml"));
    let odd = exchange(&mut m, secs(1), alice(), b"GET /odd.xml HTTP/1.0\r\n\r\n");
    assert!(roxmltree::Document::parse(odd.split_once("\r\n\r\n").unwrap().1).is_err());
    let mut m = quirky(&[Quirk::OddCase]);
    let answer = &ask(&mut m, true, &search_text(IGD1))[0];
    assert!(
        answer.contains("\r\nlOCATION: http://") && !answer.contains("LOCATION"),
        "{answer}"
    );
    let mut m = quirky(&[Quirk::Miniupnpd]);
    m.receive_ssdp(
        secs(1),
        alice(),
        true,
        search_text("urn:schemas-upnp-org:service:WANPPPConnection:9").as_bytes(),
    );
    assert_eq!(
        heard(&mut m, secs(2)).len(),
        1,
        "a service and a version that do not exist"
    );
}

#[test]
fn answers_wait_as_miniupnpds_do() {
    for seed in 0..50 {
        let mut knobs = Knobs::default();
        knobs.upnp.on = true;
        Quirk::SsdpDelay.apply(&mut knobs);
        let mut m = Model::new(knobs, seed).unwrap();
        m.receive_ssdp(secs(1), alice(), false, search_text(IGD1).as_bytes());
        let at = m.deadline().unwrap();
        assert!((ms(1_050)..=ms(1_234)).contains(&at), "{at:?}");
        assert!(m.poll(at - ms(1)).is_none() && m.poll(at).is_some());
    }
}

#[test]
fn another_port_and_troubles() {
    let source = |m: &mut Model| {
        m.receive_ssdp(secs(1), alice(), false, search_text(IGD1).as_bytes());
        m.poll(secs(1)).map(|t| t.source)
    };
    assert_eq!(source(&mut model(|_| {})), Some(Source::Ssdp));
    assert_eq!(
        source(&mut quirky(&[Quirk::SsdpOtherPort])),
        Some(Source::Other)
    );
    assert_eq!(
        source(&mut model(|k| k.trouble.lose_answer = Odds::Always)),
        None
    );
    assert_eq!(
        source(&mut model(|k| k.trouble.lose_request = Odds::Always)),
        None
    );
    assert_eq!(source(&mut model(|k| k.silence.ssdp = true)), None);
    assert_eq!(source(&mut model(|k| k.upnp.on = false)), None);
}

#[test]
fn alive_and_byebye() {
    let group = "239.255.255.250:1900".parse().unwrap();
    let mut m = model(|_| {});
    m.announce(secs(1), Announcement::ssdp_alive());
    let alive: Vec<_> = std::iter::from_fn(|| m.poll(secs(1))).collect();
    assert!(alive
        .iter()
        .all(|t| t.to == group && t.source == Source::Ssdp));
    let texts: Vec<_> = alive
        .iter()
        .map(|t| String::from_utf8_lossy(&t.bytes).into_owned())
        .collect();
    assert_eq!(texts.len(), 10);
    assert!(texts
        .iter()
        .all(|t| field(t, "nts") == "ssdp:alive" && field(t, "host") == "239.255.255.250:1900"));
    assert!(texts
        .iter()
        .any(|t| field(t, "nt") == IP1 && field(t, "location").starts_with("http://")));
    m.notify(secs(2), false);
    let bye = heard(&mut m, secs(2));
    assert!(
        bye.len() == 10
            && bye
                .iter()
                .all(|t| field(t, "nts") == "ssdp:byebye" && !t.contains("LOCATION"))
    );
    // A restart is announced, twice by the standard and once by miniupnpd, with the next boot.
    m.set(|k| (k.pcp, k.nat_pmp) = (false, false)).unwrap();
    m.restart(secs(3), Restart::LoseTable);
    let all = heard(&mut m, secs(4));
    assert_eq!(all.len(), 20);
    assert_eq!(field(&all[0], "bootid.upnp.org"), "2");
    let mut m = quirky(&[Quirk::Miniupnpd]);
    m.set(|k| (k.pcp, k.nat_pmp) = (false, false)).unwrap();
    m.restart(secs(3), Restart::LoseTable);
    assert_eq!(
        heard(&mut m, secs(4)).len(),
        12,
        "once, and two services more"
    );
}

#[test]
fn it_says_again_that_it_is_there() {
    let mut m = model(|k| {
        (k.pcp, k.nat_pmp) = (false, false);
        k.announcements = Announcements::Miniupnpd;
    });
    assert_eq!(m.deadline(), None, "not before it has announced itself");
    m.announce_start(secs(10));
    assert_eq!(heard(&mut m, secs(11)).len(), 10);
    assert_eq!(m.deadline(), Some(secs(880)));
    assert_eq!(heard(&mut m, secs(880)).len(), 10);
    m.set(|k| k.upnp.notify_every = None).unwrap();
    assert_eq!(heard(&mut m, secs(1750)).len(), 10, "the last one");
    assert_eq!(m.deadline(), None);
}
