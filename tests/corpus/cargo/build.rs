fn main() {
    let out = std::env::var("OUT_DIR").expect("OUT_DIR");
    std::fs::write(format!("{out}/made.rs"), "pub const MADE: u32 = 42;\n").expect("write");
    println!("cargo:rerun-if-changed=build.rs");
}
