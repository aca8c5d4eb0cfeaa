//! [`entry`]: what git's index says of a file, <https://git-scm.com/docs/index-format>.

/// What git saw when it wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Time of its last change in seconds since 1970, the lower 32 bits.
    pub seconds: u32,
    /// Its bytes, the lower 32 bits.
    pub size: u32,
}

/// Bytes before the hash of an entry.
const STATS: usize = 40;
/// Bytes of the two hashes that git knows.
const HASHES: [usize; 2] = [20, 32];
/// A flag for two more bytes of flags.
const EXTENDED: u16 = 0x4000;
/// Flags of an entry in the middle of a merge, or that is assumed to be unchanged.
const UNUSUAL: u16 = 0xb000;

/// The entry of the file at `path`; nothing if there is none, or if the index is of another form than versions 2 and 3.
pub(super) fn entry(index: &[u8], path: &[u8]) -> Option<Entry> {
    HASHES.iter().find_map(|hash| find(index, path, *hash))
}

/// The same where a hash has so many bytes.
fn find(index: &[u8], path: &[u8], hash: usize) -> Option<Entry> {
    if !index.starts_with(b"DIRC") || !matches!(number(index, 4)?, 2 | 3) {
        return None;
    }
    let mut at = 12_usize;
    for _ in 0..number(index, 8)? {
        let stats = index.get(at..)?;
        let flags = stats.get(STATS + hash..STATS + hash + 2)?;
        let flags = u16::from_be_bytes([flags[0], flags[1]]);
        let start = STATS + hash + if flags & EXTENDED == 0 { 2 } else { 4 };
        let rest = stats.get(start..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        if rest.get(..length)? == path && flags & UNUSUAL == 0 {
            return Some(Entry {
                seconds: number(stats, 8)?,
                size: number(stats, 36)?,
            });
        }
        // Filled up with one to eight zeros.
        at += (start + length + 8) / 8 * 8;
    }
    None
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index with entries of these names and flags; sizes are 1, 2, and so on.
    fn index(version: u32, hash: usize, entries: &[(&str, u16)]) -> Vec<u8> {
        let count = u32::try_from(entries.len()).expect("few");
        let mut all = [b"DIRC".as_slice(), &version.to_be_bytes(), &count.to_be_bytes()].concat();
        for (n, (name, flags)) in (1_u32..).zip(entries) {
            let mut one = vec![0; STATS];
            one[8..12].copy_from_slice(&7_u32.to_be_bytes());
            one[36..40].copy_from_slice(&n.to_be_bytes());
            one.extend(vec![9; hash]);
            one.extend(flags.to_be_bytes());
            if flags & EXTENDED != 0 {
                one.extend([0, 1]);
            }
            one.extend(name.as_bytes());
            one.resize((one.len() + 8) / 8 * 8, 0);
            all.extend(one);
        }
        all.extend(vec![1; hash]);
        all
    }

    #[test]
    fn every_entry_is_found_behind_others_of_any_length() {
        let names = ["a", "ab", "abc", "folder/abcd", "folder/abcdefgh", "x.yaml"];
        let entries: Vec<(&str, u16)> = names.iter().map(|name| (*name, 0)).collect();
        for hash in HASHES {
            let index = index(2, hash, &entries);
            for (size, name) in (1_u32..).zip(names) {
                assert_eq!(
                    entry(&index, name.as_bytes()),
                    Some(Entry { seconds: 7, size }),
                    "{name}"
                );
            }
            assert_eq!(entry(&index, b"folder"), None);
        }
        let extended = index(3, 20, &[("a", EXTENDED), ("b", 0)]);
        assert_eq!(entry(&extended, b"b").map(|entry| entry.size), Some(2));
    }

    #[test]
    fn what_is_unusual_or_broken_is_not_there() {
        assert_eq!(entry(&index(4, 20, &[("a", 0)]), b"a"), None);
        assert_eq!(entry(&index(2, 20, &[("a", 0x8000)]), b"a"), None);
        assert_eq!(entry(&index(2, 20, &[("a", 0x2000)]), b"a"), None);
        let whole = index(2, 20, &[("abc", 0)]);
        for end in 0..whole.len() - 21 {
            let _ = entry(&whole[..end], b"x");
        }
        assert_eq!(entry(&whole[..60], b"abc"), None);
    }
}
