//! What is planted of the faults of a machine, for checks that must find them.

/// The fault that a machine of a test has, if any. It can be planted with the feature `planted-faults` only, which no
/// program that is shipped has: without it, [`is`](Self::is) is always false and this takes no memory.
#[derive(Clone, Copy, Debug)]
pub struct Planted<F> {
    #[cfg(feature = "planted-faults")]
    fault: Option<F>,
    #[cfg(not(feature = "planted-faults"))]
    fault: std::marker::PhantomData<F>,
}

impl<F> Default for Planted<F> {
    fn default() -> Self {
        Self { fault: Default::default() }
    }
}

#[cfg(feature = "planted-faults")]
impl<F: PartialEq> Planted<F> {
    /// From now on the machine has this fault.
    pub const fn new(fault: F) -> Self {
        Self { fault: Some(fault) }
    }

    /// True where it is this one.
    pub fn is(&self, fault: F) -> bool {
        self.fault == Some(fault)
    }
}

#[cfg(not(feature = "planted-faults"))]
impl<F: PartialEq> Planted<F> {
    /// Never: this program can't plant any.
    pub fn is(&self, _fault: F) -> bool {
        false
    }
}
