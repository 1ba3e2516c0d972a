//! The program that decides which socket of the namespace gets what arrives in it (`BPF_PROG_TYPE_SK_LOOKUP`).
//!
//! The kernel asks it before it looks for listeners, so nothing that an agent binds stands before it. It picks a socket or lets the
//! kernel go on; a socket that should be there and is not means that the packet is refused.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use crate::{
    net::{DNS_PORT, OWN, OWN_V6},
    sys::bpf::{self, Instruction},
};

/// Places of the sockets in their map; those of version 6 are two further.
pub(super) const TCP: u32 = 0;
pub(super) const UDP: u32 = 1;
pub(super) const V6: u32 = 2;
const PLACES: u32 = 4;

// Offsets in `struct bpf_sk_lookup` (linux/bpf.h). Addresses are in network order, the local port in the host's.
const FAMILY: i16 = 8;
const PROTOCOL: i16 = 12;
const LOCAL_V4: i16 = 40;
const LOCAL_V6: i16 = 44;
const LOCAL_PORT: i16 = 60;

const MAP_LOOKUP: i32 = 1;
const SK_RELEASE: i32 = 86;
const SK_ASSIGN: i32 = 124;

/// Attaches a program that knows `sockets` (place and socket) to `namespace`.
pub(super) fn attach(namespace: BorrowedFd<'_>, sockets: &[(u32, BorrowedFd<'_>)]) -> io::Result<OwnedFd> {
    let map = bpf::socket_map(PLACES)?;
    for (place, socket) in sockets {
        bpf::map_socket(map.as_fd(), *place, *socket)?;
    }
    let program = bpf::socket_program(&instructions(map.as_raw_fd()), c"Apache-2.0", *b"aether_relay\0\0\0\0")?;
    bpf::attach_to_namespace(program.as_fd(), namespace)
}

/// Where a jump leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    V6,
    NotOwn,
    NotLoopback,
    Protocol,
    Lookup,
    Pass,
    Drop,
}

/// Instructions and the jumps whose distance is not yet known.
#[derive(Default)]
struct Assembly {
    code: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<(Label, usize)>,
}

const LOAD: u8 = 0x61; // BPF_LDX | BPF_MEM | BPF_W
const STORE: u8 = 0x63; // BPF_STX | BPF_MEM | BPF_W
const SET: u8 = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K
const COPY: u8 = 0xbf; // BPF_ALU64 | BPF_MOV | BPF_X
const ADD: u8 = 0x07; // BPF_ALU64 | BPF_ADD | BPF_K
const AND: u8 = 0x57; // BPF_ALU64 | BPF_AND | BPF_K
const GOTO: u8 = 0x05; // BPF_JMP | BPF_JA
const EQUAL: u8 = 0x16; // BPF_JMP32 | BPF_JEQ | BPF_K
const NULL: u8 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K: of a whole pointer
const OTHER: u8 = 0x56; // BPF_JMP32 | BPF_JNE | BPF_K
const CALL: u8 = 0x85; // BPF_JMP | BPF_CALL
const EXIT: u8 = 0x95; // BPF_JMP | BPF_EXIT
const LOAD_MAP: u8 = 0x18; // BPF_LD | BPF_DW | BPF_IMM, two instructions

impl Assembly {
    fn push(&mut self, code: u8, to: u8, from: u8, offset: i16, value: i32) {
        self.code.push(Instruction { code, registers: to | from << 4, offset, value });
    }

    /// A word of the context (register 6).
    fn load(&mut self, to: u8, offset: i16) {
        self.push(LOAD, to, 6, offset, 0);
    }

    fn jump(&mut self, code: u8, register: u8, value: i32, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.push(code, register, 0, 0, value);
    }

    fn label(&mut self, label: Label) {
        self.labels.push((label, self.code.len()));
    }

    fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let target = self.labels.iter().find(|(name, _)| *name == label).map(|(_, target)| *target);
            // A distance that does not fit stays 0, and a test would find it: the kernel would take another way.
            let distance = target.and_then(|target| i16::try_from(target - at - 1).ok());
            if let (Some(distance), Some(jump)) = (distance, self.code.get_mut(at)) {
                jump.offset = distance;
            }
        }
        self.code
    }
}

/// As the kernel compares a word of an address that was loaded as it lies in memory.
const fn word(bytes: [u8; 4]) -> i32 {
    i32::from_ne_bytes(bytes)
}

const fn words(address: Ipv6Addr) -> [i32; 4] {
    let o = address.octets();
    [
        word([o[0], o[1], o[2], o[3]]),
        word([o[4], o[5], o[6], o[7]]),
        word([o[8], o[9], o[10], o[11]]),
        word([o[12], o[13], o[14], o[15]]),
    ]
}

fn instructions(map: i32) -> Vec<Instruction> {
    let mut a = Assembly::default();
    a.push(COPY, 6, 1, 0, 0); // the context
    a.load(8, FAMILY);
    a.push(SET, 9, 0, 0, 0); // the place in the map
    a.jump(OTHER, 8, libc::AF_INET, Label::V6);
    a.load(1, LOCAL_V4);
    a.jump(EQUAL, 1, word(OWN.octets()), Label::Pass);
    a.push(AND, 1, 0, 0, word([255, 0, 0, 0]));
    a.jump(EQUAL, 1, word([Ipv4Addr::LOCALHOST.octets()[0], 0, 0, 0]), Label::Pass);
    a.jump(GOTO, 0, 0, Label::Protocol);

    a.label(Label::V6);
    a.push(SET, 9, 0, 0, V6.cast_signed());
    for (register, offset) in (1..).zip([0, 4, 8, 12]) {
        a.load(register, LOCAL_V6 + offset);
    }
    for (own, otherwise) in [(OWN_V6, Label::NotOwn), (Ipv6Addr::LOCALHOST, Label::NotLoopback)] {
        for (register, word) in (1..).zip(words(own)) {
            a.jump(OTHER, register, word, otherwise);
        }
        a.jump(GOTO, 0, 0, Label::Pass);
        a.label(otherwise);
    }

    a.label(Label::Protocol);
    a.load(7, PROTOCOL);
    a.jump(EQUAL, 7, libc::IPPROTO_TCP, Label::Lookup);
    a.jump(OTHER, 7, libc::IPPROTO_UDP, Label::Pass);
    a.load(1, LOCAL_PORT);
    a.jump(OTHER, 1, i32::from(DNS_PORT), Label::Pass);
    a.push(ADD, 9, 0, 0, UDP.cast_signed());

    a.label(Label::Lookup);
    a.push(STORE, 10, 9, -4, 0);
    a.push(LOAD_MAP, 1, 1, 0, map); // from 1: a descriptor of a map (BPF_PSEUDO_MAP_FD)
    a.push(0, 0, 0, 0, 0);
    a.push(COPY, 2, 10, 0, 0);
    a.push(ADD, 2, 0, 0, -4);
    a.push(CALL, 0, 0, 0, MAP_LOOKUP);
    a.jump(NULL, 0, 0, Label::Drop);
    a.push(COPY, 7, 0, 0, 0);
    a.push(COPY, 1, 6, 0, 0);
    a.push(COPY, 2, 0, 0, 0);
    a.push(SET, 3, 0, 0, 0);
    a.push(CALL, 0, 0, 0, SK_ASSIGN);
    a.push(COPY, 8, 0, 0, 0);
    a.push(COPY, 1, 7, 0, 0);
    a.push(CALL, 0, 0, 0, SK_RELEASE);
    a.jump(OTHER, 8, 0, Label::Drop);

    a.label(Label::Pass);
    a.push(SET, 0, 0, 0, 1);
    a.push(EXIT, 0, 0, 0, 0);
    a.label(Label::Drop);
    a.push(SET, 0, 0, 0, 0);
    a.push(EXIT, 0, 0, 0, 0);
    a.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_leads_forward_to_an_instruction() {
        let program = instructions(3);
        for (at, instruction) in program.iter().enumerate() {
            if matches!(instruction.code, GOTO | EQUAL | NULL | OTHER) {
                let distance = usize::try_from(instruction.offset).expect("forward");
                assert!(distance > 0 && at + 1 + distance < program.len(), "{at}: {instruction:?}");
            }
        }
    }
}
