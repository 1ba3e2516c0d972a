//! The web UI's files are built into the daemon. Without a built UI their folder must still exist, or nothing compiles; the
//! daemon then says that the UI was not built.

use std::{env, fs, path::Path};

fn main() {
    let root = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let dist = Path::new(&root).join("../webui/dist");
    fs::create_dir_all(&dist).expect("webui/dist can be made");
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
}
