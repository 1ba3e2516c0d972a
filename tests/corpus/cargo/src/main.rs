#![forbid(unsafe_code)]

use std::{io::{Read, Write}, net::{TcpListener, TcpStream}, process::Command, thread};

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let server = thread::spawn(move || listener.accept().expect("accept").0.write_all(b"over tcp").expect("write"));
    let mut text = String::new();
    TcpStream::connect(address).expect("connect").read_to_string(&mut text).expect("read");
    server.join().expect("server");
    let child = Command::new("sh").args(["-c", "echo child; exit 4"]).output().expect("child");
    println!("{} {text} {} {:?}", corpus::MADE, String::from_utf8_lossy(&child.stdout).trim(), child.status.code());
    println!("{}", thread::available_parallelism().is_ok());
}
