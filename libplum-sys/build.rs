//! Brings the C engine in and tells Cargo how to link it; with the feature `bindgen` it also
//! generates the bindings from the headers.
//!
//! By default the engine is built from the sources inside this crate, with CMake. Two variables
//! choose another one: `LIBPLUM_USE_PKG_CONFIG=1` an installed library, `LIBPLUM_SOURCE=DIR` another
//! tree with the CMake target `plum-static` and the header `include/plum/plum.h`.
//!
//! Dependents get two paths by Cargo metadata: `DEP_PLUM_INCLUDE` (the folder that holds
//! `plum/plum.h`) and, where there is one, `DEP_PLUM_ROOT` (the C project).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const PKG_CONFIG: &str = "LIBPLUM_USE_PKG_CONFIG";
const SOURCE: &str = "LIBPLUM_SOURCE";

/// The header's interface, and the next one that may break it.
const VERSIONS: std::ops::Range<&str> = "0.6".."0.7";

/// Whether `plum/client.h` is wanted too.
const CLIENT: bool = cfg!(feature = "client");

/// Whether the engine is to note the clock.
const TRACE: bool = cfg!(feature = "_trace");

/// What has to be installed where, for the one sentence that a user without CMake reads.
const NO_CMAKE: &str =
    "libplum-sys builds a C library with CMake, which was not found: install it \
     with `apt-get install cmake make gcc` on Debian or Ubuntu, `dnf install cmake make gcc` on Fedora, \
     `brew install cmake` on macOS (compiler: `xcode-select --install`), or `winget install \
     Kitware.CMake` on Windows (compiler: Visual Studio Build Tools), or name its path in the \
     variable CMAKE.";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for variable in ["DOCS_RS", PKG_CONFIG, SOURCE] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let include = match (wanted(PKG_CONFIG), wanted(SOURCE)) {
        // Nothing is linked there, and nothing may be needed.
        _ if env::var_os("DOCS_RS").is_some() => bundled::tree().join("include"),
        (Some(_), Some(_)) => end(&format!(
            "{PKG_CONFIG} and {SOURCE} exclude each other: unset one of them."
        )),
        (Some(_), None) | (None, Some(_)) if TRACE => end(&format!(
            "the feature `_trace` takes this crate's own engine: unset {PKG_CONFIG} and {SOURCE}."
        )),
        (Some(_), None) => installed::link(),
        (None, Some(tree)) => other::link(Path::new(&tree)),
        (None, None) => bundled::link(),
    };
    println!("cargo:include={}", include.display());
    println!("cargo:rustc-env=LIBPLUM_SYS_INCLUDE={}", include.display());

    #[cfg(feature = "bindgen")]
    bindings::generate(&include);
}

/// A variable that is set, and not to nothing or `0`.
fn wanted(variable: &str) -> Option<std::ffi::OsString> {
    env::var_os(variable).filter(|value| !value.is_empty() && value != "0")
}

/// Cargo shows this line alone and fails; a panic would bury it.
fn end(sentence: &str) -> ! {
    println!("cargo::error={sentence}");
    std::process::exit(0);
}

/// The engine that this crate brings along.
mod bundled {
    use super::*;

    /// The link inside this crate (and the real folder in a packaged one), or the workspace's folder
    /// where the checkout made a plain file of the link.
    pub(crate) fn tree() -> PathBuf {
        let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo"));
        let inside = here.join("libplum");
        if inside.join("CMakeLists.txt").is_file() {
            inside
        } else {
            here.join("../vendor/libplum")
        }
    }

    pub(crate) fn link() -> PathBuf {
        let root = tree();
        for part in ["CMakeLists.txt", "cmake", "include", "src"] {
            println!("cargo:rerun-if-changed={}", root.join(part).display());
        }
        println!("cargo:root={}", root.display());
        require_cmake();
        let out = cmake::Config::new(&root)
            .define("PLUM_BUILD_TESTS", "OFF")
            .define("PLUM_WERROR", "OFF")
            .define("PLUM_TRACE", if TRACE { "ON" } else { "OFF" })
            .build_target("plum-static")
            .build();
        // CMake wrote the archive's path down: its name and folder depend on generator and system.
        let note = out.join("build").join("plum-static.path");
        let text = std::fs::read_to_string(&note)
            .unwrap_or_else(|e| panic!("CMake left no {}: {e}", note.display()));
        link_archive(Path::new(text.trim()));
        root.join("include")
    }
}

/// Any other tree that has the target and the header.
mod other {
    use super::*;

    pub(crate) fn link(tree: &Path) -> PathBuf {
        let include = tree.join("include");
        for part in ["CMakeLists.txt", "include/plum/plum.h"] {
            if !tree.join(part).is_file() {
                end(&format!(
                    "{SOURCE} names {}, where there is no {part}: give the absolute path of a tree \
                     that has it.",
                    tree.display()
                ));
            }
        }
        if CLIENT && !include.join("plum/client.h").is_file() {
            end(&format!(
                "{SOURCE} names {}, which has no include/plum/client.h: take libplum-nat-sys without \
                 its feature `client` (default-features = false).",
                tree.display()
            ));
        }
        println!("cargo:rerun-if-changed={}", tree.display());
        println!("cargo:root={}", tree.display());
        require_cmake();

        // CMake tells in its file API what the target's archive is called. The folder is made anew,
        // or the reply could be about the tree of an earlier build.
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo")).join("other");
        let api = out.join("build/.cmake/api/v1");
        let _ = std::fs::remove_dir_all(&out);
        std::fs::create_dir_all(api.join("query")).expect("OUT_DIR is writable");
        std::fs::write(api.join("query/codemodel-v2"), "").expect("OUT_DIR is writable");
        cmake::Config::new(tree)
            .out_dir(&out)
            .build_target("plum-static")
            .build();
        match archive(&api.join("reply"), &out.join("build")) {
            Some(archive) => link_archive(&archive),
            None => end(&format!(
                "CMake built {}, but its target plum-static is no library.",
                tree.display()
            )),
        }
        include
    }

    /// Of all replies about the target (one a configuration), the artifact that was built.
    fn archive(replies: &Path, build: &Path) -> Option<PathBuf> {
        let names = std::fs::read_dir(replies).ok()?;
        names.filter_map(Result::ok).find_map(|entry| {
            let name = entry.file_name();
            if !name.to_str()?.starts_with("target-plum-static-") {
                return None;
            }
            let reply = std::fs::read_to_string(entry.path()).ok()?;
            let path = build.join(artifact(&reply)?);
            path.is_file().then_some(path)
        })
    }

    /// The string in `"artifacts" : [ { "path" : "libplum.a" } ]`, as CMake writes it.
    fn artifact(reply: &str) -> Option<&str> {
        let (_, artifacts) = reply.split_once("\"artifacts\"")?;
        let (_, path) = artifacts.split_once("\"path\"")?;
        path.split('"').nth(1)
    }
}

/// A library that is installed on the system.
mod installed {
    use super::*;

    pub(crate) fn link() -> PathBuf {
        let found = pkg_config::Config::new()
            .range_version(VERSIONS)
            .probe("plum");
        let library = found.unwrap_or_else(|error| {
            end(&format!(
                "{PKG_CONFIG} is set, and pkg-config finds no libplum from {} to below {} ({}): \
                 install one, name the folder of its plum.pc in PKG_CONFIG_PATH, or unset {PKG_CONFIG}.",
                VERSIONS.start,
                VERSIONS.end,
                cause(&error),
            ))
        });
        let client_h = pkg_config::get_variable("plum", "client_h").unwrap_or_default();
        if CLIENT && client_h != "yes" {
            end(&format!(
                "the installed libplum {} comes without plum/client.h: install one that has it, take \
                 libplum-nat-sys without its feature `client` (default-features = false), or unset \
                 {PKG_CONFIG}.",
                library.version
            ));
        }
        // pkg-config leaves out what the compiler searches anyway.
        library
            .include_paths
            .into_iter()
            .find(|folder| folder.join("plum/plum.h").is_file())
            .or_else(|| {
                pkg_config::get_variable("plum", "includedir")
                    .ok()
                    .map(PathBuf::from)
            })
            .unwrap_or_default()
    }

    /// Few words of what pkg-config says in many.
    fn cause(error: &pkg_config::Error) -> &'static str {
        match error {
            pkg_config::Error::CrossCompilation => "it is not set up for the target",
            pkg_config::Error::Command { .. } => "the program pkg-config does not run",
            pkg_config::Error::EnvNoPkgConfig(_) => "another variable turns it off",
            _ => "it says no",
        }
    }
}

fn require_cmake() {
    println!("cargo:rerun-if-env-changed=CMAKE");
    let program = env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
    if Command::new(program).arg("--version").output().is_err() {
        end(NO_CMAKE);
    }
}

fn link_archive(archive: &Path) {
    let folder = archive.parent().expect("a file lies in a folder");
    let name = archive
        .file_name()
        .and_then(|n| n.to_str())
        .expect("CMake names files in UTF-8");
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static:+verbatim={name}");
    // The target's system, not the host's: this program may run on another one. std links the
    // threads of every other system.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("windows") {
        for library in ["ws2_32", "iphlpapi", "bcrypt"] {
            println!("cargo:rustc-link-lib={library}");
        }
    }
}

#[cfg(feature = "bindgen")]
mod bindings {
    use super::*;

    /// `plum.rs` and, if wanted, `client.rs` in OUT_DIR: each header's own part.
    pub(crate) fn generate(include: &Path) {
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo"));
        write(builder(include, "plum.h"), &out.join("plum.rs"));
        if CLIENT {
            let client = builder(include, "client.h").blocklist_file(r".*[/\\]plum\.h");
            write(client, &out.join("client.rs"));
        }
    }

    fn builder(include: &Path, header: &str) -> bindgen::Builder {
        let path = include.join("plum").join(header);
        bindgen::Builder::default()
            .header(path.to_str().expect("a path in UTF-8"))
            .clang_arg("-DPLUM_STATIC")
            .allowlist_item("plum_.*|PLUM_.*")
            .blocklist_item("PLUM_.*H")
            .raw_line(format!(
                "// Written by `./dev bindings` from plum/{header}: do not edit."
            ))
            .use_core()
            .rust_target(bindgen::RustTarget::stable(85, 0).expect("this bindgen knows Rust 1.85"))
            // Plain integers: C may hand out a number that this version does not know.
            .default_enum_style(bindgen::EnumVariation::Consts)
            .prepend_enum_name(false)
            // They would hold for one pointer width only; tests/abi.rs asks the C compiler instead.
            .layout_tests(false)
            .merge_extern_blocks(true)
            .generate_comments(false)
            .disable_header_comment()
            .formatter(bindgen::Formatter::Prettyplease)
    }

    fn write(builder: bindgen::Builder, file: &Path) {
        builder
            .generate()
            .expect("bindgen reads the header")
            .write_to_file(file)
            .expect("OUT_DIR is writable");
    }
}
