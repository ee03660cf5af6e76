//! The manifests that `shotlist init` writes. Start at [`starter`].

/// What a new manifest is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StarterFormat {
    /// YAML, with comments.
    Yaml,
    /// CSV.
    Csv,
}

/// A manifest to start from; it loads without error.
pub fn starter(format: StarterFormat) -> &'static str {
    match format {
        StarterFormat::Yaml => include_str!("starter/starter.yaml"),
        StarterFormat::Csv => include_str!("starter/starter.csv"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::manifest::load;

    #[test]
    fn both_starters_load_without_a_word() {
        for (name, format, jobs) in [
            ("a.yaml", StarterFormat::Yaml, 3),
            ("a.csv", StarterFormat::Csv, 3),
        ] {
            let loaded = load(Path::new(name), &|_| Ok(starter(format).into()));
            assert_eq!(loaded.render_compact(), "", "{name}");
            let plan = loaded.plan.expect("a starter is valid");
            assert_eq!(plan.jobs().len(), jobs, "{name}");
        }
    }

    #[test]
    fn the_first_line_of_the_yaml_starter_says_what_it_is() {
        let first = starter(StarterFormat::Yaml).lines().next();
        assert!(first.is_some_and(|line| line.starts_with("# ") && line.contains("shotlist")));
    }
}
