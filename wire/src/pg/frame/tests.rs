//! Framing must not depend on how the bytes were fragmented, nor fall over anything.

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { collected: 512 * 1024, message: 1024 * 1024 };

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// What came out: the bytes of each tag's pieces in order, and the error.
fn run(side: Side, chunks: &[&[u8]]) -> (Vec<(u8, Vec<u8>)>, Option<FrameError>) {
    let mut framer = Framer::new(side, LIMITS);
    let mut out = Vec::<(u8, Vec<u8>)>::new();
    for chunk in chunks {
        framer.space().extend_from_slice(chunk);
        loop {
            match framer.next() {
                Ok(Some(piece)) => match (piece.part, out.last_mut()) {
                    (Part::Middle | Part::Last, Some((_, bytes))) => bytes.extend_from_slice(&piece.bytes),
                    _ => out.push((piece.tag, piece.bytes.to_vec())),
                },
                Ok(None) => break,
                Err(error) => return (out, Some(error)),
            }
        }
    }
    (out, None)
}

fn chunked<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect::<Vec<_>>();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}

fn messages() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let tag = prop::sample::select(b"BCDEFHPQSXcdfp".to_vec());
    let size = prop_oneof![8 => 0_usize..64, 2 => 0_usize..5_000, 1 => 65_000_usize..200_000];
    let message = (tag, size, any::<u8>()).prop_map(|(tag, size, fill)| {
        let size = if b"BFQPd".contains(&tag) { size } else { size % 5_000 };
        (tag, vec![fill; size])
    });
    prop::collection::vec(message, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn messages_come_out_whatever_the_fragments(
        messages in messages(),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let wire = messages.iter().flat_map(|(tag, body)| frame(*tag, body)).collect::<Vec<_>>();
        let (out, error) = run(Side::Client, &chunked(&wire, &cuts));
        prop_assert_eq!(error, None);
        // A run of CopyData may come out as one piece or as several; the bytes are the same.
        let merge = |list: Vec<(u8, Vec<u8>)>| {
            let mut merged = Vec::<(u8, Vec<u8>)>::new();
            for (tag, bytes) in list {
                match merged.last_mut() {
                    Some((last, all)) if *last == b'd' && tag == b'd' => all.extend(bytes),
                    _ => merged.push((tag, bytes)),
                }
            }
            merged
        };
        let expected = messages.into_iter().map(|(tag, body)| (tag, frame(tag, &body))).collect();
        prop_assert_eq!(merge(out), merge(expected));
    }

    #[test]
    fn garbage_ends_in_an_error_or_in_waiting(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        cuts in prop::collection::vec(any::<usize>(), 0..10),
        server in any::<bool>(),
    ) {
        let side = if server { Side::Server } else { Side::Client };
        let (out, _) = run(side, &chunked(&bytes, &cuts));
        let passed = out.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>();
        prop_assert!(bytes.starts_with(&passed), "nothing passes but what came");
    }
}

#[test]
fn what_is_no_message_is_named() {
    let error = |bytes: &[u8]| run(Side::Client, &[bytes]).1.unwrap();
    assert_eq!(error(b"!"), FrameError::Type { tag: b'!' });
    assert_eq!(error(b"Q\0\0\0\x03"), FrameError::Length { tag: b'Q', length: 3 });
    assert_eq!(error(b"Q\xff\xff\xff\xff"), FrameError::Length { tag: b'Q', length: -1 });
    let oversized = FrameError::Oversized { tag: b'Q', length: 0x7fff_ffff + 1, limit: LIMITS.collected };
    assert_eq!(error(b"Q\x7f\xff\xff\xff"), oversized);
    assert!(matches!(error(b"S\0\x10\0\0"), FrameError::Oversized { limit: WHOLE, .. }));
}

#[test]
fn bulk_is_streamed_and_statements_are_collected() {
    let large = vec![7; 300_000];
    let mut framer = Framer::new(Side::Client, LIMITS);
    framer.space().extend_from_slice(&frame(b'B', &large)[..100_000]);
    assert_eq!(framer.next().unwrap().unwrap().part, Part::First);
    assert!(framer.mid_message());

    let mut framer = Framer::new(Side::Client, LIMITS);
    framer.collect_binds = true;
    framer.space().extend_from_slice(&frame(b'B', &large)[..100_000]);
    assert_eq!(framer.next().unwrap(), None);

    let mut framer = Framer::new(Side::Client, LIMITS);
    framer.space().extend_from_slice(&frame(b'Q', &large)[..100_000]);
    assert_eq!(framer.next().unwrap(), None);
}
