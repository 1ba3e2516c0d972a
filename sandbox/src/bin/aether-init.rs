//! PID 1 of a sandbox. Started by the spawner with a listening socket as descriptor 3; see `aether_sandbox::init`.

fn main() -> std::io::Result<std::convert::Infallible> {
    aether_sandbox::init::run()
}
