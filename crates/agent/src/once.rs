//! Errors that come again and again are logged once, until they change or go away.

/// The cause that was logged last.
#[derive(Debug, Default)]
pub(crate) struct OncePerCause(Option<String>);

impl OncePerCause {
    /// True where this is another cause than before.
    pub(crate) fn is_new(&mut self, cause: &str) -> bool {
        if self.0.as_deref() == Some(cause) {
            return false;
        }
        self.0 = Some(cause.to_string());
        true
    }

    /// It works again. True where it did not before.
    pub(crate) fn clear(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_new_once() {
        let mut once = OncePerCause::default();
        let told = ["a", "a", "b", "a", "a"].map(|cause| once.is_new(cause));
        assert_eq!(told, [true, false, true, true, false]);
        assert_eq!((once.clear(), once.clear(), once.is_new("a")), (true, false, true));
    }
}
