//! Kinds that are declared in one place, with the compiler's help.

/// Declares the kinds of a backend, each with who consumes it, as an enum.
///
/// ```
/// sabot_contract::kinds! {
///     /// What is written into the trail.
///     pub enum Kind {
///         /// A team was made.
///         TeamCreated = "team.created" => email(name), ledger;
///         /// A team's tier rose.
///         SubscriptionUpgraded = "subscription.upgraded" =>
///             email(from, to), ledger, propagation("tier_elevation");
///         /// A resource is ready.
///         ResourceCreated = "resource.created" => nobody("whoever made it was answered");
///     }
/// }
///
/// assert_eq!(Kind::TeamCreated.as_str(), "team.created");
/// assert_eq!("resource.created".parse(), Ok(Kind::ResourceCreated));
/// assert_eq!(Kind::SubscriptionUpgraded.consumers().email, Some(&["from", "to"][..]));
/// assert_eq!(Kind::registry().kinds.len(), Kind::ALL.len());
/// assert_eq!(
///     "team.create".parse::<Kind>().unwrap_err().to_string(),
///     "there is no kind \"team.create\"; did you mean \"team.created\"?"
/// );
/// ```
///
/// After each name stands who consumes the kind: any of `email(FIELDS…)` with the fields of the payload that its
/// template names (a field that is no word of Rust stands in quotes), `propagation("KIND")` and `ledger`; or else
/// `nobody("REASON")`. The propagation and the reason may be any constant expression.
///
/// The enum has `ALL`, `as_str`, `consumers`, `entry`, `registry`, `from_name`, and implements `Display` and `FromStr`.
///
/// # What does not build
/// A name that is declared twice:
/// ```compile_fail,E0080
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b" => ledger;
///         /// The other.
///         Other = "a.b" => ledger;
///     }
/// }
/// ```
/// A variant that is declared twice:
/// ```compile_fail,E0428
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b" => ledger;
///         /// The other.
///         One = "c.d" => ledger;
///     }
/// }
/// ```
/// A kind that is not declared:
/// ```compile_fail,E0599
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b" => ledger;
///     }
/// }
/// let kind = Kind::Other;
/// ```
/// A kind without a name:
/// ```compile_fail,E0080
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = " " => ledger;
///     }
/// }
/// ```
/// A blank reason:
/// ```compile_fail,E0080
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b" => nobody(" ");
///     }
/// }
/// ```
/// A reason beside a consumer:
/// ```compile_fail,E0080
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b" => ledger, nobody("a reason");
///     }
/// }
/// ```
/// An email without the ledger:
/// ```compile_fail,E0080
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b" => email(name);
///     }
/// }
/// ```
/// No consumer at all:
/// ```compile_fail,E0080
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b";
///     }
/// }
/// ```
/// The same consumer twice:
/// ```compile_fail,E0080
/// sabot_contract::kinds! {
///     /// Kinds.
///     pub enum Kind {
///         /// One.
///         One = "a.b" => ledger, ledger;
///     }
/// }
/// ```
#[macro_export]
macro_rules! kinds {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[$about:meta])*
                $variant:ident = $kind:literal $(=> $($consumer:ident $(($($what:tt)*))?),+)?
            );+ $(;)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $($(#[$about])* $variant,)+
        }

        impl $name {
            /// Every kind, in the order of the declaration.
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The kind's name.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $kind,)+
                }
            }

            /// Who consumes it.
            #[must_use]
            $vis const fn consumers(self) -> $crate::Consumers {
                match self {
                    $(Self::$variant => {
                        $crate::Consumers::NONE $($(.$consumer($crate::kinds!(@ $consumer $($($what)*)?)))+)?
                    })+
                }
            }

            /// Its entry in the registry.
            #[must_use]
            $vis fn entry(self) -> $crate::Entry {
                self.consumers().entry(self.as_str())
            }

            /// Every entry, in the order of the declaration.
            #[must_use]
            $vis fn registry() -> $crate::Registry {
                $crate::Registry { kinds: Self::ALL.iter().map(|kind| kind.entry()).collect() }
            }

            /// The kind of this name.
            #[must_use]
            $vis fn from_name(name: &str) -> ::core::option::Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::UnknownKind;

            fn from_str(name: &str) -> ::core::result::Result<Self, $crate::UnknownKind> {
                Self::from_name(name)
                    .ok_or_else(|| $crate::UnknownKind::new(name, Self::ALL.iter().map(|kind| kind.as_str())))
            }
        }

        // What is wrong with a declaration stops the build and names the kind.
        const _: () = {
            const KINDS: &[&str] = &[$($kind),+];
            $(
                match $name::$variant.consumers().fault($kind, KINDS) {
                    None => {}
                    Some($crate::Fault::NoName) => {
                        panic!(concat!("the variant `", stringify!($variant), "` has a blank name"))
                    }
                    Some($crate::Fault::Twice) => $crate::kinds!(@refuse $kind, "is declared twice"),
                    Some($crate::Fault::SaidTwice) => $crate::kinds!(@refuse $kind, "has the same consumer twice"),
                    Some($crate::Fault::NoConsumer) => $crate::kinds!(
                        @refuse $kind,
                        "has no consumer: say `=> email(…), ledger`, `propagation(…)`, `ledger` or `nobody(\"why\")`"
                    ),
                    Some($crate::Fault::NoLedger) => $crate::kinds!(
                        @refuse $kind,
                        "emails without the ledger, so that nobody could say what became of it: add `ledger`"
                    ),
                    Some($crate::Fault::NoPropagation) => $crate::kinds!(@refuse $kind, "propagates as a blank"),
                    Some($crate::Fault::BlankReason) => {
                        $crate::kinds!(@refuse $kind, "is consumed by nobody for a blank reason: say why")
                    }
                    Some($crate::Fault::StaleReason) => {
                        $crate::kinds!(@refuse $kind, "has a consumer and a reason why it has none: remove one")
                    }
                }
            )+
        };
    };

    (@refuse $kind:literal, $why:literal) => { panic!("{}", concat!("the kind \"", $kind, "\" ", $why)) };
    (@field $field:ident) => { stringify!($field) };
    (@field $field:literal) => { $field };
    (@ email $($field:tt),* $(,)?) => { &[$($crate::kinds!(@field $field)),*] };
    (@ propagation $propagation:expr) => { $propagation };
    (@ ledger) => { () };
    (@ nobody $reason:expr) => { $reason };
    (@ $other:ident $($what:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($other $($what)*), "` consumes nothing: say `email(FIELDS…)`, `propagation(\"KIND\")`, \
             `ledger` or `nobody(\"REASON\")`"
        ))
    };
}
