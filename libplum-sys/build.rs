//! Builds the C engine with CMake and tells Cargo how to link it; with the feature `bindgen` it
//! also generates the bindings from the headers.
//!
//! Dependents get two paths by Cargo metadata: `DEP_PLUM_INCLUDE` (the folder that holds
//! `plum/plum.h`) and `DEP_PLUM_ROOT` (the C project).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What has to be installed where, for the one sentence that a user without CMake reads.
const NO_CMAKE: &str =
    "libplum-sys builds a C library with CMake, which was not found: install it \
     with `apt-get install cmake make gcc` on Debian or Ubuntu, `dnf install cmake make gcc` on Fedora, \
     `brew install cmake` on macOS (compiler: `xcode-select --install`), or `winget install \
     Kitware.CMake` on Windows (compiler: Visual Studio Build Tools), or name its path in the \
     variable CMAKE.";

fn main() {
    let root = c_project();
    let include = root.join("include");
    for part in ["CMakeLists.txt", "cmake", "include", "src"] {
        println!("cargo:rerun-if-changed={}", root.join(part).display());
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=LIBPLUM_SYS_INCLUDE={}", include.display());
    println!("cargo:include={}", include.display());
    println!("cargo:root={}", root.display());

    #[cfg(feature = "bindgen")]
    generate_bindings(&include);

    println!("cargo:rerun-if-env-changed=DOCS_RS");
    if env::var_os("DOCS_RS").is_none() {
        link(&build(&root));
    }
}

/// The C project: the link inside this crate (and the real folder in a packaged one), or the
/// workspace's folder where the checkout made a plain file of the link.
fn c_project() -> PathBuf {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo"));
    let inside = here.join("libplum");
    if inside.join("CMakeLists.txt").is_file() {
        inside
    } else {
        here.join("../vendor/libplum")
    }
}

/// Builds `plum-static` and returns the archive's path, which CMake itself wrote down: its name and
/// folder depend on the generator and the system.
fn build(root: &Path) -> PathBuf {
    require_cmake();
    let out = cmake::Config::new(root)
        .define("PLUM_BUILD_TESTS", "OFF")
        .define("PLUM_WERROR", "OFF")
        .build_target("plum-static")
        .build();
    let note = out.join("build").join("plum-static.path");
    let text = std::fs::read_to_string(&note)
        .unwrap_or_else(|e| panic!("CMake left no {}: {e}", note.display()));
    PathBuf::from(text.trim())
}

fn require_cmake() {
    println!("cargo:rerun-if-env-changed=CMAKE");
    let program = env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
    if Command::new(program).arg("--version").output().is_err() {
        // Cargo shows this line alone and fails; a panic would bury it.
        println!("cargo::error={NO_CMAKE}");
        std::process::exit(0);
    }
}

fn link(archive: &Path) {
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
fn generate_bindings(include: &Path) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo")).join("bindings.rs");
    bindgen::Builder::default()
        .header(
            include
                .join("plum/client.h")
                .to_str()
                .expect("a path in UTF-8"),
        )
        .clang_arg("-DPLUM_STATIC")
        .allowlist_item("plum_.*|PLUM_.*")
        .blocklist_item("PLUM_.*H")
        .raw_line("// Written by `./dev bindings` from plum/client.h: do not edit.")
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
        .generate()
        .expect("bindgen reads plum/client.h")
        .write_to_file(out)
        .expect("OUT_DIR is writable");
}
