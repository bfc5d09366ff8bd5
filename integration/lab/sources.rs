//! Where this machine gets Debian's source packages: its own list of binary packages, turned.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The machine's Debian entries as `deb-src`, split into the contents of a `.list` and of a
/// `.sources` file. Other people's repositories are left out.
pub(crate) fn source_lists() -> (String, String) {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = codename(&release);
    let mut list = String::new();
    let mut stanzas = String::new();
    for file in files() {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|e| e.to_str()) {
            Some("sources") => stanzas.push_str(&turn_stanzas(&text, &codename)),
            _ => list.push_str(&turn_lines(&text, &codename)),
        }
    }
    (list, stanzas)
}

fn files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir(Path::new("/etc/apt/sources.list.d")) {
        files.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
            matches!(
                path.extension().and_then(|e| e.to_str()),
                Some("list" | "sources")
            )
        }));
    }
    files.sort();
    files
}

fn codename(os_release: &str) -> String {
    let value = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    value.unwrap_or("stable").trim_matches('"').to_owned()
}

fn is_debian<'a>(
    mut suites: impl Iterator<Item = &'a str>,
    mut components: impl Iterator<Item = &'a str>,
    codename: &str,
) -> bool {
    let known = [
        "oldstable",
        "stable",
        "testing",
        "unstable",
        "sid",
        codename,
    ];
    let ours = |suite: &str| {
        known.iter().any(|name| {
            suite
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    };
    suites.any(ours) && components.any(|component| component == "main")
}

/// `deb [options] uri suite component...`
fn turn_lines(text: &str, codename: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else {
            continue;
        };
        let rest = rest.trim();
        let plain = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, after)| after),
            None => rest,
        };
        let mut words = plain.split_whitespace().skip(1);
        let suite = words.next();
        if is_debian(suite.into_iter(), words, codename) {
            let _ = writeln!(out, "deb-src {rest}"); // writing to a String does not fail
        }
    }
    out
}

/// The deb822 form: stanzas of `Field: value`, continued by lines that begin with a blank.
fn turn_stanzas(text: &str, codename: &str) -> String {
    let mut out = String::new();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for stanza in lines.split(|line| line.trim().is_empty()) {
        let field = |name: &str| {
            stanza.iter().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then_some(value)
            })
        };
        let words = |name: &str| field(name).unwrap_or("").split_whitespace();
        if !words("Types").any(|word| word == "deb")
            || words("Enabled").any(|word| word.eq_ignore_ascii_case("no"))
            || !is_debian(words("Suites"), words("Components"), codename)
        {
            continue;
        }
        for line in stanza {
            match line.split_once(':') {
                Some((key, _)) if key.eq_ignore_ascii_case("Types") => {
                    out.push_str("Types: deb-src")
                }
                _ => out.push_str(line),
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_debian_are_turned_and_others_left_out() {
        let text = "# deb http://a.example x main\n\
                    deb [signed-by=/k arch=amd64] http://a.example/debian bookworm main contrib\n\
                    deb http://b.example apt-bookworm main\n\
                    deb http://c.example/debian bookworm-updates main\n\
                    deb-src http://a.example/debian bookworm main\n";
        assert_eq!(
            turn_lines(text, "bookworm"),
            "deb-src [signed-by=/k arch=amd64] http://a.example/debian bookworm main contrib\n\
             deb-src http://c.example/debian bookworm-updates main\n"
        );
    }

    #[test]
    fn stanzas_of_debian_are_turned_and_others_left_out() {
        let text = "Types: deb\n# a remark\nURIs: http://a.example/debian\nSuites: bookworm\n\
                    Components: main\nSigned-By:\n -----BEGIN\n .\n -----END\n\n\
                    Types: deb\nURIs: http://b.example\nSuites: nodistro\nComponents: main\n\n\
                    Enabled: no\nTypes: deb\nURIs: http://c.example\nSuites: bookworm\n\
                    Components: main\n";
        assert_eq!(
            turn_stanzas(text, "bookworm"),
            "Types: deb-src\nURIs: http://a.example/debian\nSuites: bookworm\n\
             Components: main\nSigned-By:\n -----BEGIN\n .\n -----END\n\n"
        );
    }

    #[test]
    fn the_codename_is_read_with_and_without_quotes() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=trixie\n"), "trixie");
        assert_eq!(codename("VERSION_CODENAME=\"sid\""), "sid");
        assert_eq!(codename(""), "stable");
    }
}
