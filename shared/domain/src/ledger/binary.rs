//! Numbers in few bytes: seven bits in each, the lowest first, and the eighth set while more follow
//! (LEB128, as in DWARF and WebAssembly).

/// The bytes end too early, or are not what is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unreadable;

/// Writes a number.
pub(super) fn put(bytes: &mut Vec<u8>, mut number: u128) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Turns a number that may be negative into one that is not, small ones into small ones.
pub(super) const fn zigzag(number: i128) -> u128 {
    ((number << 1) ^ (number >> 127)).cast_unsigned()
}

pub(super) const fn unzigzag(number: u128) -> i128 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Reads bytes from front to back.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.bytes(N)?.try_into().map_err(|_| Unreadable)
    }

    /// Reads a number that fits the type asked for.
    pub(super) fn number<T: TryFrom<u128>>(&mut self) -> Result<T, Unreadable> {
        let mut number = 0u128;
        for shift in (0..128).step_by(7) {
            let [byte] = self.array()?;
            let bits = u128::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits {
                return Err(Unreadable);
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                return T::try_from(number).map_err(|_| Unreadable);
            }
        }
        Err(Unreadable)
    }

    pub(super) fn end(&self) -> Result<(), Unreadable> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Unreadable)
        }
    }
}
