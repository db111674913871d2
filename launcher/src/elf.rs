//! Reads from a program's or a library's file how it is loaded: whether a library can be
//! preloaded into it, and which libraries it needs. Reads single tables, not the whole file.

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, FileKind, ReadCache, ReadRef};
use std::fs::File;
use std::path::Path;

/// A program or a library in the ELF format.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub struct Image {
    /// 32 or 64.
    pub bits: u8,
    /// The machine's number in ELF (`EM_X86_64` is 62).
    pub machine: u16,
    /// The loader that it names. None if it is linked statically, or is a library.
    pub loader: Option<String>,
    /// The libraries that it needs.
    pub needed: Vec<String>,
    /// The functions of [`ALLOCATOR_FUNCTIONS`] that it defines and exports.
    pub defines: Vec<&'static str>,
}

/// What an image asks of the loader: the libraries that it needs, and where to look for them.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub struct Links {
    /// 32 or 64.
    pub bits: u8,
    /// The machine's number in ELF.
    pub machine: u16,
    /// The libraries that it needs.
    pub needed: Vec<String>,
    /// `DT_RPATH`: folders to look for them in, and for the libraries that they need.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`: folders to look for them in, after `LD_LIBRARY_PATH`.
    pub runpath: Vec<String>,
}

/// Functions that show that a program has an allocator of its own, or a sanitizer's runtime
/// with one.
const ALLOCATOR_FUNCTIONS: [&str; 5] = [
    "malloc",
    "__asan_init",
    "__tsan_init",
    "__msan_init",
    "__hwasan_init",
];

/// Reads an image. None if the file is something else, such as a script.
///
/// # Errors
/// It cannot be read, or its tables make no sense. The text follows the file's name.
pub fn read(path: &Path) -> Result<Option<Image>, String> {
    let file = File::open(path).map_err(|why| format!("cannot be read: {why}"))?;
    let data = ReadCache::new(file);
    let image = match FileKind::parse(&data) {
        Ok(FileKind::Elf64) => image::<elf::FileHeader64<Endianness>, _>(&data, 64),
        Ok(FileKind::Elf32) => image::<elf::FileHeader32<Endianness>, _>(&data, 32),
        _ => return Ok(None),
    };
    image
        .map(Some)
        .map_err(|why| format!("is a damaged ELF file: {why}"))
}

/// Whether an image has all of these among its constants, each read from its end. Not if the file
/// is something else, or cannot be read.
pub fn has_all_backwards(path: &Path, texts: &[&[u8]]) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let data = ReadCache::new(file);
    let has = match FileKind::parse(&data) {
        Ok(FileKind::Elf64) => has_all_in::<elf::FileHeader64<Endianness>, _>(&data, texts),
        Ok(FileKind::Elf32) => has_all_in::<elf::FileHeader32<Endianness>, _>(&data, texts),
        _ => return false,
    };
    has.unwrap_or(false)
}

fn has_all_in<'a, H, R>(data: R, texts: &[&[u8]]) -> object::Result<bool>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let Some((_, section)) = sections.section_by_name(endian, b".rodata") else {
        return Ok(false);
    };
    let bytes = section.data(endian, data)?;
    let has = |text: &&[u8]| {
        let text: Vec<u8> = text.iter().rev().copied().collect();
        memchr::memmem::find(bytes, &text).is_some()
    };
    Ok(texts.iter().all(has))
}

/// Reads what an image asks of the loader. None if the file is something else, or cannot be
/// read.
pub fn links(path: &Path) -> Option<Links> {
    let data = ReadCache::new(File::open(path).ok()?);
    match FileKind::parse(&data) {
        Ok(FileKind::Elf64) => links_of::<elf::FileHeader64<Endianness>, _>(&data, 64),
        Ok(FileKind::Elf32) => links_of::<elf::FileHeader32<Endianness>, _>(&data, 32),
        _ => return None,
    }
    .ok()
}

fn links_of<'a, H, R>(data: R, bits: u8) -> object::Result<Links>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let dynamic = sections.dynamic_table(endian, data)?;
    let mut links = Links {
        bits,
        machine: header.e_machine(endian),
        ..Links::default()
    };
    for entry in dynamic.iter() {
        let text = || Ok(String::from_utf8_lossy(dynamic.string(entry)?).into_owned());
        let folders = |list: String| list.split(':').map(str::to_owned).collect();
        match entry.tag {
            elf::DT_NEEDED => links.needed.push(text()?),
            elf::DT_RPATH => links.rpath = folders(text()?),
            elf::DT_RUNPATH => links.runpath = folders(text()?),
            _ => {}
        }
    }
    Ok(links)
}

/// Functions of MPI's binding for Fortran among the symbols of an image.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub struct FortranFunctions {
    /// Those that it calls, and cannot be loaded without.
    pub called: Vec<String>,
    /// Those that it has.
    pub defined: Vec<String>,
}

/// Reads which functions of MPI's binding for Fortran an image calls, by the names that compilers
/// for Fortran give them (`mpi_send_`). None if the file is no image, or cannot be read.
pub fn fortran_functions(path: &Path) -> Option<FortranFunctions> {
    let data = ReadCache::new(File::open(path).ok()?);
    match FileKind::parse(&data) {
        Ok(FileKind::Elf64) => fortran_functions_of::<elf::FileHeader64<Endianness>, _>(&data),
        Ok(FileKind::Elf32) => fortran_functions_of::<elf::FileHeader32<Endianness>, _>(&data),
        _ => return None,
    }
    .ok()
}

fn fortran_functions_of<'a, H, R>(data: R) -> object::Result<FortranFunctions>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM)?;
    let mut functions = FortranFunctions::default();
    for symbol in symbols.iter() {
        let name = symbols.symbol_name(endian, symbol)?;
        if !is_of_fortran(name) {
            continue;
        }
        let name = String::from_utf8_lossy(name).into_owned();
        if !symbol.is_undefined(endian) {
            functions.defined.push(name);
        } else if symbol.st_bind() != elf::STB_WEAK {
            functions.called.push(name);
        }
    }
    Ok(functions)
}

fn is_of_fortran(name: &[u8]) -> bool {
    let plain = name.strip_prefix(b"p").unwrap_or(name);
    plain.starts_with(b"mpi_") && plain.ends_with(b"_")
}

fn image<'a, H, R>(data: R, bits: u8) -> object::Result<Image>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let mut loader = None;
    for segment in header.program_headers(endian, data)? {
        if let Some(path) = segment.interpreter(endian, data)? {
            loader = Some(text(path));
        }
    }
    let sections = header.sections(endian, data)?;
    let dynamic = sections.dynamic_table(endian, data)?;
    let mut needed = Vec::new();
    for entry in dynamic.iter().filter(|e| e.tag == elf::DT_NEEDED) {
        needed.push(text(dynamic.string(entry)?));
    }
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM)?;
    let mut defines = Vec::new();
    for symbol in symbols.iter().filter(|s| !s.is_undefined(endian)) {
        let name = symbols.symbol_name(endian, symbol)?;
        defines.extend(ALLOCATOR_FUNCTIONS.iter().find(|w| w.as_bytes() == name));
    }
    Ok(Image {
        bits,
        machine: header.e_machine(endian),
        loader,
        needed,
        defines,
    })
}

#[cfg(test)]
mod tests {
    use super::read;
    use std::path::Path;

    #[test]
    fn this_test_is_a_dynamic_program_and_a_source_is_none() {
        let image = read(&std::env::current_exe().unwrap()).unwrap().unwrap();
        assert_eq!(u32::from(image.bits), usize::BITS);
        assert!(image.needed.iter().any(|n| n.starts_with("libc.so")));
        assert!(image.loader.is_some() && image.defines.is_empty());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(read(&source), Ok(None));
        assert!(read(Path::new("/no/such/file")).is_err());
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let path = std::env::temp_dir().join(format!("lariat-elf-{}", std::process::id()));
        std::fs::write(&path, &whole[..4096]).unwrap();
        let said = read(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(said.is_err(), "{said:?}");
    }
}
