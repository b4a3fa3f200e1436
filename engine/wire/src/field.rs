//! How each type of a schema lies in a frame, in classic and flexible (KIP-482) versions.
//! Structures get theirs from the `schema!` macro.

use bytes::Bytes;

use crate::{DecodeError, EncodeError, GatherBuf, Reader, Records, Str, Uuid};

/// A type that a field of a message can have.
pub trait Field: Sized {
    /// Takes one value out of the frame.
    ///
    /// # Errors
    /// The bytes are not such a value.
    fn read(r: &mut Reader) -> Result<Self, DecodeError>;

    /// Appends one value.
    fn write(&self, w: &mut GatherBuf);
}

/// A type that has a null on the wire; the field's type is then `Option`.
pub trait Nullable: Field {
    /// Takes one value or null.
    ///
    /// # Errors
    /// The bytes are neither.
    fn read_nullable(r: &mut Reader) -> Result<Option<Self>, DecodeError>;

    /// Appends a null.
    fn write_null(w: &mut GatherBuf);

    /// Appends a value where a null could have been.
    fn write_present(&self, w: &mut GatherBuf) {
        self.write(w);
    }
}

impl<T: Nullable> Field for Option<T> {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        T::read_nullable(r)
    }

    fn write(&self, w: &mut GatherBuf) {
        match self {
            Some(value) => value.write_present(w),
            None => T::write_null(w),
        }
    }
}

/// A field whose null exists in some versions only: `null` says whether in this one.
pub(crate) fn read_maybe_null<T: Nullable>(
    r: &mut Reader,
    null: bool,
) -> Result<Option<T>, DecodeError> {
    if null { T::read_nullable(r) } else { T::read(r).map(Some) }
}

/// Counterpart of [`read_maybe_null`].
pub(crate) fn write_maybe_null<T: Nullable>(value: &Option<T>, w: &mut GatherBuf, null: bool) {
    match value {
        _ if null => value.write(w),
        Some(value) => value.write(w),
        None => w.fail(EncodeError::UnexpectedNull { version: w.version }),
    }
}

macro_rules! fixed_size {
    ($($type:ty)*) => {$(
        impl Field for $type {
            #[inline]
            fn read(r: &mut Reader) -> Result<Self, DecodeError> {
                r.array().map(Self::from_be_bytes)
            }

            #[inline]
            fn write(&self, w: &mut GatherBuf) {
                w.put(&self.to_be_bytes());
            }
        }
    )*};
}
fixed_size!(i8 i16 u16 i32 i64 f64);

impl Field for bool {
    #[inline]
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        r.i8().map(|byte| byte != 0)
    }

    #[inline]
    fn write(&self, w: &mut GatherBuf) {
        w.put(&[u8::from(*self)]);
    }
}

impl Field for Uuid {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        r.array().map(Self)
    }

    fn write(&self, w: &mut GatherBuf) {
        w.put(&self.0);
    }
}

impl Field for Str {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        Self::read_nullable(r)?.ok_or(DecodeError::UnexpectedNull)
    }

    fn write(&self, w: &mut GatherBuf) {
        let bytes = self.utf8();
        w.put_string_length(bytes.len());
        w.put(bytes);
    }
}

impl Nullable for Str {
    fn read_nullable(r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        let Some(length) = r.string_length()? else { return Ok(None) };
        Self::from_utf8(r.slice(length)?).map(Some).map_err(|_| DecodeError::NotUtf8)
    }

    fn write_null(w: &mut GatherBuf) {
        w.put_null_string();
    }
}

impl Field for Bytes {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        Self::read_nullable(r)?.ok_or(DecodeError::UnexpectedNull)
    }

    fn write(&self, w: &mut GatherBuf) {
        w.put_length(self.len());
        w.put_part(self);
    }
}

impl Nullable for Bytes {
    fn read_nullable(r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        let Some(length) = r.bytes_length()? else { return Ok(None) };
        r.slice(length).map(Some)
    }

    fn write_null(w: &mut GatherBuf) {
        w.put_null();
    }
}

/// As a plain field (fetch answers): null reads as empty, and empty is written as length zero,
/// because librdkafka refuses a null record set.
impl Field for Records {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self::read_nullable(r)?.unwrap_or_default())
    }

    fn write(&self, w: &mut GatherBuf) {
        w.put_length(self.len());
        self.parts().iter().for_each(|part| w.put_part(part));
    }
}

impl Nullable for Records {
    fn read_nullable(r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        Ok(Bytes::read_nullable(r)?.map(Self::from))
    }

    fn write_null(w: &mut GatherBuf) {
        w.put_null();
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        Self::read_nullable(r)?.ok_or(DecodeError::UnexpectedNull)
    }

    fn write(&self, w: &mut GatherBuf) {
        w.put_length(self.len());
        self.iter().for_each(|element| element.write(w));
    }
}

impl<T: Field> Nullable for Vec<T> {
    fn read_nullable(r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        let Some(count) = r.count(size_of::<T>())? else { return Ok(None) };
        let mut elements = Self::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(r)?);
        }
        Ok(Some(elements))
    }

    fn write_null(w: &mut GatherBuf) {
        w.put_null();
    }
}
