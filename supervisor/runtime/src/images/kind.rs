//! What kind of picture a file is, and how large: by its own bytes, whatever its name says.

/// The media type of a picture that every provider takes, by the first bytes of its file.
pub(crate) fn media_type(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// Its name for people.
pub(crate) fn name(media_type: &str) -> &'static str {
    match media_type {
        "image/png" => "PNG",
        "image/jpeg" => "JPEG",
        "image/gif" => "GIF",
        _ => "WebP",
    }
}

/// Width and height in pixels; nothing for a file that only begins like a picture.
///
/// Sources: PNG (third edition) 11.2.1, ITU-T T.81 B.2.2, GIF89a 18, RFC 9649.
pub(crate) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = match media_type(bytes)? {
        "image/png" => (bytes.get(12..16)? == b"IHDR")
            .then_some(())
            .and_then(|()| Some((u32::from_be_bytes(part(bytes, 16)?), u32::from_be_bytes(part(bytes, 20)?))))?,
        "image/gif" => (little(bytes, 6)?, little(bytes, 8)?),
        "image/jpeg" => jpeg(bytes)?,
        _ => webp(bytes)?,
    };
    (size.0 > 0 && size.1 > 0).then_some(size)
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u16::from_le_bytes(part(bytes, at)?).into())
}

fn big(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u16::from_be_bytes(part(bytes, at)?).into())
}

/// Walks over its segments to the one that begins a frame.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let [mark, kind] = part(bytes, at)?;
        match (mark, kind) {
            (0xff, 0xff) => at += 1,
            (0xff, 0x01 | 0xd0..=0xd8) => at += 2,
            (0xff, 0xc0..=0xcf) if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                return Some((big(bytes, at + 7)?, big(bytes, at + 5)?));
            }
            (0xff, 0x02..=0xbf | 0xc0..=0xcf | 0xda..=0xfe) => at += 2 + (big(bytes, at + 2)? as usize).max(2),
            _ => return None,
        }
    }
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8 " => {
            let begins = bytes.get(23..26)? == [0x9d, 0x01, 0x2a];
            begins.then_some((little(bytes, 26)? & 0x3fff, little(bytes, 28)? & 0x3fff))
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(part(bytes, 21)?);
            (bytes.get(20) == Some(&0x2f)).then_some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            let of = |at| part(bytes, at).map(|[a, b, c]: [u8; 3]| u32::from_le_bytes([a, b, c, 0]) + 1);
            Some((of(24)?, of(27)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xff, 0xc4, 0, 3, 0, 0xff, 0xc2, 0, 11, 8];
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes
    }

    fn webp_of(kind: &[u8; 4], rest: &[u8]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WEBP".as_slice(), kind, &[0; 4], rest].concat()
    }

    #[test]
    fn the_bytes_say_what_a_picture_is() {
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &800_u32.to_be_bytes(), &600_u32.to_be_bytes()].concat();
        let gif = b"GIF89a\x20\x03\x58\x02\0".to_vec();
        let lossy = webp_of(b"VP8 ", &[1, 2, 3, 0x9d, 0x01, 0x2a, 0x20, 0x03, 0x58, 0x02]);
        let lossless = webp_of(b"VP8L", &[&[0x2f], (799_u32 | 599 << 14).to_le_bytes().as_slice()].concat());
        let extended = webp_of(b"VP8X", &[0, 0, 0, 0, 0x1f, 3, 0, 0x57, 2, 0]);
        for (bytes, kind) in [
            (png, "image/png"),
            (gif, "image/gif"),
            (jpeg_of(800, 600), "image/jpeg"),
            (lossy, "image/webp"),
            (lossless, "image/webp"),
            (extended, "image/webp"),
        ] {
            assert_eq!((media_type(&bytes), size(&bytes)), (Some(kind), Some((800, 600))), "{bytes:x?}");
            for end in 0..bytes.len() {
                let cut = size(&bytes[..end]);
                assert!(cut.is_none() || cut == Some((800, 600)), "cut at {end}: {cut:?}");
            }
        }
    }

    #[test]
    fn what_only_begins_like_one_is_none() {
        for bytes in [
            b"\x89PNG\r\n\x1a\n and then nothing that a picture has".as_slice(),
            b"\xff\xd8\xff\xff\xff\xff\xff",
            b"\xff\xd8\xff\xe0\0\0\xff\xe0\0\0\xff\xe0\0\0",
            b"GIF89a\0\0\0\0",
            b"RIFF\0\0\0\0WEBPVP8?0000000000000000",
            b"RIFF\0\0\0\0WAVEfmt ",
            b"plain text",
            b"",
        ] {
            assert_eq!(size(bytes), None, "{bytes:x?}");
        }
        assert_eq!(media_type(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), None);
    }
}
