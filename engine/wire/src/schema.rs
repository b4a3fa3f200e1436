//! The language that `messages/` describes messages in, modelled on Kafka's own JSON schemas.
//!
//! ```text
//! schema! {
//!     request FetchRequest of Fetch, answered by FetchResponse;
//!
//!     /// What the structure is.
//!     FetchRequest {
//!         [0..=14] replica_id: i32 = -1;                 // versions, name, type, default
//!         [3..] max_bytes: i32 = i32::MAX, ignorable;    // may be lost in versions without it
//!         [0..] topics: Option<Vec<FetchTopic>>, null(8..);   // null in some of its versions
//!         tags {
//!             0 [12..] cluster_id: Option<Str>, ignorable;    // tagged field (KIP-482)
//!         }
//!     }
//!     FetchTopic { .. }
//! }
//! ```
//!
//! - A field exists in the versions of its range; elsewhere it decodes to its default, and encoding
//!   any other value is an error unless the field is `ignorable`.
//! - `Option` is a field that can be null, in all its versions unless `null(..)` says otherwise.
//! - The order is the order on the wire; tagged fields come last, in the order of their numbers.
//! - Whether a version is flexible is a fact of the API: see `api_key.rs`.
//! - The first structure is the message itself.

macro_rules! schema {
    (request $name:ident of $key:ident, answered by $response:ident; $($structures:tt)*) => {
        $crate::schema::structures! { $($structures)* }

        impl $crate::Message for $name {
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
        }

        impl $crate::Request for $name {
            type Response = $response;
        }
    };
    (response $name:ident of $key:ident; $($structures:tt)*) => {
        $crate::schema::structures! { $($structures)* }

        impl $crate::Message for $name {
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
        }
    };
}

macro_rules! structures {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $(
                $(#[$field_doc:meta])*
                [$($range:tt)+] $field:ident: $type:ty $(= $default:expr)?
                $(, $attribute:ident $(($($argument:tt)+))?)*;
            )*
            $(tags {
                $(
                    $(#[$tag_doc:meta])*
                    $tag:literal [$($tag_range:tt)+] $tag_field:ident: $tag_type:ty
                    $(= $tag_default:expr)? $(, $tag_attribute:ident)?;
                )*
            })?
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(
                #[doc = concat!("In versions `", stringify!($($range)+), "`.")]
                #[doc = ""]
                $(#[$field_doc])*
                pub $field: $type,
            )*
            $($(
                #[doc = concat!("In versions `", stringify!($($tag_range)+), "`, tag ", $tag, ".")]
                #[doc = ""]
                $(#[$tag_doc])*
                pub $tag_field: $tag_type,
            )*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $crate::schema::default!($($default)?),)*
                    $($($tag_field: $crate::schema::default!($($tag_default)?),)*)?
                }
            }
        }

        impl $crate::field::Field for $name {
            fn read(r: &mut $crate::Reader) -> Result<Self, $crate::DecodeError> {
                let version = r.version;
                $(
                    let $field: $type = if ($($range)+).contains(&version) {
                        $crate::schema::read!(r, version, $($attribute $(($($argument)+))?)*)
                    } else {
                        $crate::schema::default!($($default)?)
                    };
                )*
                $($(
                    let mut $tag_field: $tag_type = $crate::schema::default!($($tag_default)?);
                )*)?
                if r.flexible {
                    r.tagged_fields(|_tag, _r| {
                        $($(
                            if _tag == $tag && ($($tag_range)+).contains(&version) {
                                $tag_field = $crate::field::Field::read(_r)?;
                                return Ok(true);
                            }
                        )*)?
                        Ok(false)
                    })?;
                }
                Ok(Self { $($field,)* $($($tag_field,)*)? })
            }

            fn write(&self, w: &mut $crate::GatherBuf) {
                let version = w.version;
                $(
                    if ($($range)+).contains(&version) {
                        $crate::schema::write!(
                            w, version, &self.$field, $($attribute $(($($argument)+))?)*
                        );
                    } else {
                        $crate::schema::lost!(
                            w, $name, $type, self.$field, $field, ($($default)?),
                            $($attribute $(($($argument)+))?)*
                        );
                    }
                )*
                let mut _tags = 0_u32;
                $($(
                    let $tag_field = self.$tag_field != {
                        let default: $tag_type = $crate::schema::default!($($tag_default)?);
                        default
                    };
                    if ($($tag_range)+).contains(&version) {
                        _tags += u32::from($tag_field);
                    } else {
                        $crate::schema::lost!(
                            w, $name, $tag_type, self.$tag_field, $tag_field, ($($tag_default)?),
                            $($tag_attribute)?
                        );
                    }
                )*)?
                if w.flexible {
                    w.put_unsigned_varint(_tags);
                    $($(
                        if $tag_field && ($($tag_range)+).contains(&version) {
                            w.put_tagged($tag, |w| {
                                $crate::field::Field::write(&self.$tag_field, w);
                            });
                        }
                    )*)?
                }
            }
        }

        #[cfg(test)]
        impl $crate::tests::sample::Sample for $name {
            fn sample(_source: &mut $crate::tests::sample::Source, version: i16) -> Self {
                Self {
                    $($field: if ($($range)+).contains(&version) {
                        $crate::schema::sample!(
                            _source, version, $($attribute $(($($argument)+))?)*
                        )
                    } else {
                        $crate::schema::default!($($default)?)
                    },)*
                    $($($tag_field: if ($($tag_range)+).contains(&version) {
                        $crate::tests::sample::Sample::sample(_source, version)
                    } else {
                        $crate::schema::default!($($tag_default)?)
                    },)*)?
                }
            }
        }

        /// Null is a single -1, a value has a 1 in front.
        impl $crate::field::Nullable for $name {
            fn read_nullable(
                r: &mut $crate::Reader,
            ) -> Result<Option<Self>, $crate::DecodeError> {
                match r.i8()? {
                    -1 => Ok(None),
                    1 => $crate::field::Field::read(r).map(Some),
                    mark => Err($crate::DecodeError::PresenceMark(mark)),
                }
            }

            fn write_null(w: &mut $crate::GatherBuf) {
                w.put(&(-1_i8).to_be_bytes());
            }

            fn write_present(&self, w: &mut $crate::GatherBuf) {
                w.put(&[1]);
                $crate::field::Field::write(self, w);
            }
        }
    )*};
}

macro_rules! default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

macro_rules! read {
    ($r:ident, $version:ident, null($($null:tt)+) $(ignorable)?) => {
        $crate::field::read_maybe_null($r, ($($null)+).contains(&$version))?
    };
    ($r:ident, $version:ident, $(ignorable)?) => {
        $crate::field::Field::read($r)?
    };
}

macro_rules! write {
    ($w:ident, $version:ident, $value:expr, null($($null:tt)+) $(ignorable)?) => {
        $crate::field::write_maybe_null($value, $w, ($($null)+).contains(&$version))
    };
    ($w:ident, $version:ident, $value:expr, $(ignorable)?) => {
        $crate::field::Field::write($value, $w)
    };
}

/// The field does not exist in this version.
macro_rules! lost {
    (
        $w:ident, $name:ident, $type:ty, $value:expr, $field:ident, $default:tt,
        $(null($($null:tt)+))? ignorable
    ) => {};
    (
        $w:ident, $name:ident, $type:ty, $value:expr, $field:ident, ($($default:expr)?),
        $(null($($null:tt)+))?
    ) => {
        let default: $type = $crate::schema::default!($($default)?);
        if $value != default {
            let field = concat!(stringify!($name), ".", stringify!($field));
            let version = $w.version;
            $w.fail($crate::EncodeError::NotRepresentable { field, version });
        }
    };
}

#[cfg(test)]
macro_rules! sample {
    ($source:ident, $version:ident, null($($null:tt)+) $(ignorable)?) => {
        $crate::tests::sample::sample_maybe_null(
            $source, $version, ($($null)+).contains(&$version)
        )
    };
    ($source:ident, $version:ident, $(ignorable)?) => {
        $crate::tests::sample::Sample::sample($source, $version)
    };
}

#[cfg(test)]
pub(crate) use sample;
pub(crate) use {default, lost, read, schema, structures, write};
