//! The programs that this spawner installs as filters of system calls. Each is compiled once and never changes while it runs, so that
//! who knows the program and its name knows what a sandbox was given.

use std::cell::OnceCell;

use seccompiler::BpfProgram;

use super::{failure::refused, syscalls};
use crate::{
    plan::{LentMount, PlanLayer, Profile},
    wire::spawner::{Filter, SpawnFailure},
};

/// Empty on a kernel without seccomp.
#[derive(Debug, Default)]
pub(super) struct Filters {
    works: bool,
    standard: OnceCell<BpfProgram>,
    packages: OnceCell<BpfProgram>,
    packages_set_id: OnceCell<BpfProgram>,
    browser: OnceCell<BpfProgram>,
}

impl Filters {
    /// Those of a kernel that has seccomp or not; that of the standard profile is compiled now.
    ///
    /// # Errors
    /// As [`syscalls::compile`].
    pub(super) fn new(works: bool) -> Result<Self, String> {
        let filters = Self { works, ..Self::default() };
        if works {
            filters.program(Filter::Standard)?;
        }
        Ok(filters)
    }

    /// Does this kernel have filters?
    pub(super) const fn works(&self) -> bool {
        self.works
    }

    /// The filter of such a sandbox; `None` on a kernel without seccomp. Asked for before the clone, parent and child have one copy.
    pub(super) fn of(&self, profile: Profile, mounts: &[LentMount]) -> Result<Option<(Filter, &BpfProgram)>, SpawnFailure> {
        if !self.works {
            return Ok(None);
        }
        let filter = match profile {
            Profile::Standard => Filter::Standard,
            Profile::Packages if profile.may_set_id(mounts) => Filter::PackagesSetId,
            Profile::Packages => Filter::Packages,
            Profile::Browser => Filter::Browser,
        };
        let program = self.program(filter).map_err(|cause| refused(Some(PlanLayer::Seccomp), "compile the filter", cause, ""))?;
        Ok(program.map(|program| (filter, program)))
    }

    /// The program, 8 bytes an instruction as in `struct sock_filter`; empty on a kernel without seccomp.
    ///
    /// # Errors
    /// As [`syscalls::compile`].
    pub(super) fn bytes(&self, filter: Filter) -> Result<Vec<u8>, String> {
        if !self.works {
            return Ok(Vec::new());
        }
        let instruction = |code: u16, jt, jf, k: u32| {
            let ([low, high], [a, b, c, d]) = (code.to_ne_bytes(), k.to_ne_bytes());
            [low, high, jt, jf, a, b, c, d]
        };
        Ok(match self.program(filter)? {
            Some(program) => program.iter().flat_map(|i| instruction(i.code, i.jt, i.jf, i.k)).collect(),
            None if filter == Filter::SetId => {
                syscalls::set_id::program().iter().flat_map(|i| instruction(i.code, i.jt, i.jf, i.k)).collect()
            }
            None => syscalls::deny::program().iter().flat_map(|i| instruction(i.code, i.jt, i.jf, i.k)).collect(),
        })
    }

    /// `None` for those that are written by hand.
    fn program(&self, filter: Filter) -> Result<Option<&BpfProgram>, String> {
        let (cell, profile, may_set_id) = match filter {
            Filter::Spawner | Filter::SetId => return Ok(None),
            Filter::Standard => (&self.standard, Profile::Standard, false),
            Filter::Packages => (&self.packages, Profile::Packages, false),
            Filter::PackagesSetId => (&self.packages_set_id, Profile::Packages, true),
            Filter::Browser => (&self.browser, Profile::Browser, false),
        };
        if let Some(program) = cell.get() {
            return Ok(Some(program));
        }
        let program = syscalls::compile_for(profile, may_set_id)?;
        Ok(Some(cell.get_or_init(|| program)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_is_another_program_and_stays_the_same() {
        let filters = Filters::new(true).expect("policies compile");
        let all = [Filter::Spawner, Filter::SetId, Filter::Standard, Filter::Packages, Filter::PackagesSetId, Filter::Browser];
        let bytes = all.map(|filter| filters.bytes(filter).expect("a program"));
        for (n, one) in bytes.iter().enumerate() {
            assert!(one.len() > 400 && one.len() % 8 == 0, "{:?}: {} bytes", all[n], one.len());
            assert!(bytes[..n].iter().all(|other| other != one), "{:?}", all[n]);
            assert_eq!(filters.bytes(all[n]).as_ref(), Ok(one));
        }
        assert_eq!(Filters::new(false).expect("none").bytes(Filter::Standard), Ok(Vec::new()));
    }
}
