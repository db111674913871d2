//! Which file of a crate names items of which other: the modules are found from the
//! crate's root, every path in their code is resolved to the file that defines what
//! it names, and re-exports are followed.
//!
//! Not seen: what a method call reaches, and macros used by their bare name.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use syn::{Item, UseTree};

/// A path in the code of a file, as it is written there.
pub struct Mention {
    pub path: Vec<String>,
    pub line: usize,
    /// One name alone: it counts only if a glob import brings it.
    bare: bool,
}

/// What `use` brings into a module.
struct Import {
    /// `None`: everything (`use path::*`).
    name: Option<String>,
    path: Vec<String>,
}

struct Module {
    file: usize,
    parent: Option<usize>,
    /// Two of the same name where a `cfg` chooses between them.
    children: HashMap<String, Vec<usize>>,
    items: HashSet<String>,
    /// Names inside macros that may define items.
    perhaps: HashSet<String>,
    imports: Vec<Import>,
    mentions: Vec<Mention>,
}

#[derive(Clone, Copy)]
enum Found {
    Module(usize),
    /// Something that this module defines.
    Item(usize),
}

/// A crate's modules, and the files that they are in.
#[derive(Default)]
pub struct Crate {
    pub files: Vec<PathBuf>,
    modules: Vec<Module>,
    exported_macros: HashMap<String, usize>,
}

/// Gives a file's text, `None` if there is no such file.
pub type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

impl Crate {
    /// The crate whose root is the file `root`.
    pub fn load(root: &Path, read: Read) -> Crate {
        let folder = root.parent().expect("a root lies in a folder");
        let mut loaded = Crate::default();
        loaded.add_file(root, folder, None, read);
        loaded
    }

    /// The first line of each file that names something in another file of the crate.
    pub fn edges(&self) -> BTreeMap<(usize, usize), usize> {
        let mut edges = BTreeMap::new();
        for (at, module) in self.modules.iter().enumerate() {
            for mention in &module.mentions {
                for found in self.mentioned(at, mention) {
                    let (Found::Module(to) | Found::Item(to)) = found;
                    let to = self.modules[to].file;
                    if to != module.file {
                        let line = edges.entry((module.file, to)).or_insert(mention.line);
                        *line = mention.line.min(*line);
                    }
                }
            }
        }
        edges
    }

    /// Every path in the code, with its file.
    pub fn mentions(&self) -> impl Iterator<Item = (&Path, &Mention)> {
        self.modules.iter().flat_map(|module| {
            let file = self.files[module.file].as_path();
            module.mentions.iter().map(move |mention| (file, mention))
        })
    }

    fn mentioned(&self, at: usize, mention: &Mention) -> Vec<Found> {
        if !mention.bare {
            return self.resolve(at, &mention.path, &mut HashSet::new());
        }
        let name = &mention.path[0];
        let module = &self.modules[at];
        let own = module.items.contains(name)
            || module.imports.iter().any(|i| i.name.as_ref() == Some(name));
        if own {
            return Vec::new();
        }
        self.through_globs(at, name, &mut HashSet::new())
    }

    /// What `path`, written in the module `at`, names: empty if it is not of this crate.
    fn resolve(
        &self,
        at: usize,
        path: &[String],
        seen: &mut HashSet<(usize, String)>,
    ) -> Vec<Found> {
        let mut found = match path[0].as_str() {
            "crate" => vec![Found::Module(0)],
            "self" => vec![Found::Module(at)],
            "super" => self.modules[at]
                .parent
                .map(Found::Module)
                .into_iter()
                .collect(),
            name => self.lookup(at, name, seen),
        };
        for name in &path[1..] {
            found = found
                .into_iter()
                .flat_map(|one| match one {
                    Found::Item(_) => vec![one],
                    Found::Module(m) if name == "super" => self.modules[m]
                        .parent
                        .map(Found::Module)
                        .into_iter()
                        .collect(),
                    Found::Module(m) => {
                        let deeper = self.lookup(m, name, seen);
                        // A macro made it: the file of the module is as deep as it goes.
                        if deeper.is_empty() {
                            vec![Found::Item(m)]
                        } else {
                            deeper
                        }
                    }
                })
                .collect();
        }
        found
    }

    fn lookup(&self, at: usize, name: &str, seen: &mut HashSet<(usize, String)>) -> Vec<Found> {
        if !seen.insert((at, name.to_owned())) {
            return Vec::new();
        }
        let module = &self.modules[at];
        let mut found: Vec<Found> = module
            .children
            .get(name)
            .into_iter()
            .flatten()
            .map(|child| Found::Module(*child))
            .collect();
        if module.items.contains(name) {
            found.push(Found::Item(at));
        }
        for import in &module.imports {
            if import.name.as_deref() == Some(name) {
                found.extend(self.resolve(at, &import.path, seen));
            }
        }
        if let Some(macro_at) = self.exported_macros.get(name).filter(|_| at == 0) {
            found.push(Found::Item(*macro_at));
        }
        if found.is_empty() {
            found = self.through_globs(at, name, seen);
        }
        if found.is_empty() && module.perhaps.contains(name) {
            found.push(Found::Item(at));
        }
        found
    }

    fn through_globs(
        &self,
        at: usize,
        name: &str,
        seen: &mut HashSet<(usize, String)>,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        for import in self.modules[at].imports.iter().filter(|i| i.name.is_none()) {
            for of in self.resolve(at, &import.path, &mut HashSet::new()) {
                if let Found::Module(of) = of {
                    found.extend(self.lookup(of, name, seen));
                }
            }
        }
        found
    }

    /// Adds the module in `path`, whose own modules lie in `folder`.
    fn add_file(&mut self, path: &Path, folder: &Path, parent: Option<usize>, read: Read) -> usize {
        let text = read(path).unwrap_or_else(|| panic!("no file {}", path.display()));
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let syntax: syn::File = syn::parse2(without_tests(tokens)).unwrap_or_else(|why| {
            let line = why.span().start().line;
            panic!("{}:{line}: {why}", path.display())
        });
        self.files.push(path.to_owned());
        self.add_module(syntax.items, self.files.len() - 1, folder, parent, read)
    }

    fn add_module(
        &mut self,
        items: Vec<Item>,
        file: usize,
        folder: &Path,
        parent: Option<usize>,
        read: Read,
    ) -> usize {
        let at = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            children: HashMap::new(),
            items: HashSet::new(),
            perhaps: HashSet::new(),
            imports: Vec::new(),
            mentions: Vec::new(),
        });
        for item in items {
            let name = match &item {
                Item::Mod(_) => {
                    let Item::Mod(module) = item else {
                        unreachable!()
                    };
                    self.add_child(module, at, folder, read);
                    continue;
                }
                Item::Fn(item) => Some(&item.sig.ident),
                Item::Struct(item) => Some(&item.ident),
                Item::Enum(item) => Some(&item.ident),
                Item::Union(item) => Some(&item.ident),
                Item::Trait(item) => Some(&item.ident),
                Item::Type(item) => Some(&item.ident),
                Item::Const(item) => Some(&item.ident),
                Item::Static(item) => Some(&item.ident),
                Item::Macro(item) => {
                    if item.ident.is_none() {
                        names(item.mac.tokens.clone(), &mut self.modules[at].perhaps);
                    }
                    item.ident.as_ref()
                }
                Item::ForeignMod(foreign) => {
                    names(foreign.to_token_stream(), &mut self.modules[at].perhaps);
                    None
                }
                _ => None,
            };
            if let Some(name) = name {
                self.modules[at].items.insert(name.to_string());
            }
            if let Item::Macro(item) = &item
                && item.attrs.iter().any(|a| a.path().is_ident("macro_export"))
                && let Some(name) = &item.ident
            {
                self.exported_macros.insert(name.to_string(), at);
            }
            scan(item.to_token_stream(), &mut self.modules[at]);
        }
        at
    }

    fn add_child(&mut self, module: syn::ItemMod, parent: usize, folder: &Path, read: Read) {
        let name = module.ident.to_string();
        let below = folder.join(&name);
        let file = self.modules[parent].file;
        let child = if let Some((_, items)) = module.content {
            self.add_module(items, file, &below, Some(parent), read)
        } else if let Some(path) = module.attrs.iter().find_map(path_attribute) {
            let folder_of =
                |path: &Path| path.parent().expect("a file lies in a folder").to_owned();
            let path = folder_of(&self.files[file]).join(path);
            self.add_file(&path, &folder_of(&path), Some(parent), read)
        } else {
            let beside = folder.join(format!("{name}.rs"));
            let path = if read(&beside).is_some() {
                beside
            } else {
                below.join("mod.rs")
            };
            self.add_file(&path, &below, Some(parent), read)
        };
        let children = &mut self.modules[parent].children;
        children.entry(name).or_default().push(child);
    }
}

fn path_attribute(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(syn::ExprLit {
        lit: syn::Lit::Str(path),
        ..
    }) = &pair.value
    else {
        return None;
    };
    attribute.path().is_ident("path").then(|| path.value())
}

/// Every name in `tokens`.
fn names(tokens: TokenStream, into: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                into.insert(ident.to_string());
            }
            TokenTree::Group(group) => names(group.stream(), into),
            _ => {}
        }
    }
}

/// Notes every path and every `use` in `tokens`, also inside macros.
fn scan(tokens: TokenStream, into: &mut Module) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        at += match &tokens[at] {
            TokenTree::Group(group) if !is_restriction(&tokens[..at], group) => {
                scan(group.stream(), into);
                1
            }
            TokenTree::Ident(word) if word == "use" => scan_use(&tokens[at..], into),
            TokenTree::Ident(_) if begins_path(&tokens[..at]) => scan_path(&tokens[at..], into),
            _ => 1,
        };
    }
}

/// The `(crate)` of `pub(crate)`.
fn is_restriction(before: &[TokenTree], group: &Group) -> bool {
    group.delimiter() == Delimiter::Parenthesis
        && matches!(before.last(), Some(TokenTree::Ident(word)) if word == "pub")
        && group.stream().into_iter().next().is_some_and(|first| {
            ["crate", "super", "self", "in"].contains(&first.to_string().as_str())
        })
}

/// Notes the `use` that `tokens` begin with. Returns how many tokens it is.
fn scan_use(tokens: &[TokenTree], into: &mut Module) -> usize {
    let Some(end) = tokens.iter().position(|t| punct(t) == Some(';')) else {
        return 1;
    };
    let item: TokenStream = tokens[..=end].iter().cloned().collect();
    let Ok(item) = syn::parse2::<syn::ItemUse>(item) else {
        return 1;
    };
    if item.leading_colon.is_none() {
        flatten(&item.tree, &mut Vec::new(), into);
    }
    end + 1
}

fn flatten(tree: &UseTree, path: &mut Vec<String>, into: &mut Module) {
    let (end, name) = match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            flatten(&part.tree, path, into);
            path.pop();
            return;
        }
        UseTree::Group(group) => {
            for part in &group.items {
                flatten(part, path, into);
            }
            return;
        }
        UseTree::Name(part) => (Some(&part.ident), Some(&part.ident)),
        UseTree::Rename(part) => (Some(&part.ident), Some(&part.rename)),
        UseTree::Glob(_) => (None, None),
    };
    let mut whole = path.clone();
    let mut name = name.map(ToString::to_string);
    match end {
        // `use path::{self}` is `use path`.
        Some(end) if end == "self" && !path.is_empty() => {
            name = name.map(|n| {
                if n == "self" {
                    path[path.len() - 1].clone()
                } else {
                    n
                }
            });
        }
        Some(end) => whole.push(end.to_string()),
        None => {}
    }
    if whole.is_empty() {
        return;
    }
    let line = syn::spanned::Spanned::span(tree).start().line;
    into.mentions.push(Mention {
        path: whole.clone(),
        line,
        bare: false,
    });
    into.imports.push(Import { name, path: whole });
}

/// Whether a name that follows `before` is the first of its path, and not a field, a
/// method or a lifetime.
fn begins_path(before: &[TokenTree]) -> bool {
    let back = |n: usize| {
        before
            .len()
            .checked_sub(n)
            .and_then(|at| punct(&before[at]))
    };
    match back(1) {
        Some(':') => back(2) != Some(':'),
        Some('.') => back(2) == Some('.'),
        Some('\'') => false,
        _ => true,
    }
}

/// Notes the path that `tokens` begin with. Returns how many tokens it is.
fn scan_path(tokens: &[TokenTree], into: &mut Module) -> usize {
    let mut path = vec![tokens[0].to_string()];
    let mut end = 1;
    while let [colon, second, TokenTree::Ident(name), ..] = &tokens[end..]
        && (punct(colon), punct(second)) == (Some(':'), Some(':'))
    {
        path.push(name.to_string());
        end += 3;
    }
    let capital = path[0].starts_with(|c: char| c.is_uppercase());
    let called = match tokens.get(end) {
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
        Some(other) => punct(other) == Some('!'),
        None => false,
    };
    let bare = path.len() == 1;
    if !bare || capital || called {
        let line = tokens[0].span().start().line;
        into.mentions.push(Mention { path, line, bare });
    }
    end
}

fn punct(token: &TokenTree) -> Option<char> {
    match token {
        TokenTree::Punct(punct) => Some(punct.as_char()),
        _ => None,
    }
}

/// `tokens` without what is there only for unit tests: an attribute `cfg(test)` and
/// what it stands before, up to its body or semicolon.
fn without_tests(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept: Vec<TokenTree> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let [hash, TokenTree::Group(attribute), rest @ ..] = &tokens[at..]
            && punct(hash) == Some('#')
            && is_cfg_test(attribute.stream())
        {
            // Attributes and docs before it.
            while let [.., hash, TokenTree::Group(group)] = kept.as_slice()
                && punct(hash) == Some('#')
                && group.delimiter() == Delimiter::Bracket
            {
                kept.truncate(kept.len() - 2);
            }
            let ends = |t: &TokenTree| {
                punct(t) == Some(';')
                    || matches!(t, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace)
            };
            let end = rest.iter().position(ends).unwrap_or(rest.len() - 1);
            at += 2 + end + 1;
            // `use path::{a, b};` has both.
            if tokens.get(at).and_then(punct) == Some(';') {
                at += 1;
            }
            continue;
        }
        kept.push(match &tokens[at] {
            TokenTree::Group(group) => {
                let mut inside = Group::new(group.delimiter(), without_tests(group.stream()));
                inside.set_span(group.span());
                TokenTree::Group(inside)
            }
            other => other.clone(),
        });
        at += 1;
    }
    kept.into_iter().collect()
}

/// Whether an attribute is `cfg(test)`, or `cfg(all(…))` with `test` in it.
fn is_cfg_test(attribute: TokenStream) -> bool {
    let Ok(syn::Meta::List(list)) = syn::parse2::<syn::Meta>(attribute) else {
        return false;
    };
    list.path.is_ident("cfg") && needs_test(list.tokens)
}

fn needs_test(predicate: TokenStream) -> bool {
    match syn::parse2::<syn::Meta>(predicate) {
        Ok(syn::Meta::Path(path)) => path.is_ident("test"),
        Ok(syn::Meta::List(list)) if list.path.is_ident("all") => list
            .parse_args_with(
                syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated,
            )
            .is_ok_and(|parts| parts.into_iter().any(|p| needs_test(p.into_token_stream()))),
        _ => false,
    }
}
