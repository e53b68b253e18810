// The questions that gimli and addr2line answer, as a program that uses them would ask: functions of
// DWARF by all processors, and the source lines of an address. Built by ../ where cargo is, and the
// crates as Debian has them.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, error::Error, fs::File, process, thread};

use gimli::{AttributeValue, EndianSlice, RunTimeEndian};
use object::{Object, ObjectSection};

type Reader = EndianSlice<'static, RunTimeEndian>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn load(path: &str) -> Result<gimli::Dwarf<Reader>> {
    let map: &'static memmap2::Mmap = Box::leak(Box::new(unsafe { memmap2::Mmap::map(&File::open(path)?)? }));
    let object: &'static object::File = Box::leak(Box::new(object::File::parse(&**map)?));
    let endian = if object.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let section = |id: gimli::SectionId| -> Result<Reader> {
        let data = match object.section_by_name(id.name()) {
            Some(s) => s.uncompressed_data()?,
            None => Cow::Borrowed(&[][..]),
        };
        let data: &'static [u8] = match data {
            Cow::Borrowed(b) => b,
            Cow::Owned(v) => Box::leak(v.into_boxed_slice()),
        };
        Ok(EndianSlice::new(data, endian))
    };
    gimli::Dwarf::load(section)
}

// The names of a function: its own, or those of what it comes from.
fn names(dwarf: &gimli::Dwarf<Reader>, unit: &gimli::Unit<Reader>, at: gimli::UnitOffset, depth: u32) -> gimli::Result<usize> {
    let die = unit.entry(at)?;
    let (mut n, mut origin) = (0, None);
    let mut attrs = die.attrs();
    while let Some(a) = attrs.next()? {
        match a.name() {
            gimli::DW_AT_name | gimli::DW_AT_linkage_name => n += dwarf.attr_string(unit, a.value())?.len(),
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => {
                if let AttributeValue::UnitRef(o) = a.value() {
                    origin = Some(o)
                }
            }
            _ => {}
        }
    }
    match origin {
        Some(o) if depth < 3 => Ok(n + names(dwarf, unit, o, depth + 1)?),
        _ => Ok(n),
    }
}

fn walk(dwarf: &gimli::Dwarf<Reader>, header: gimli::UnitHeader<Reader>) -> gimli::Result<(usize, usize)> {
    let unit = dwarf.unit(header)?;
    let mut cursor = unit.entries_raw(None)?;
    let (mut count, mut bytes) = (0, 0);
    while !cursor.is_empty() {
        let at = cursor.next_offset();
        let Some(abbrev) = cursor.read_abbreviation()? else { continue };
        if abbrev.tag() == gimli::DW_TAG_subprogram {
            let has = abbrev.attributes().iter().any(|a| a.name() == gimli::DW_AT_low_pc || a.name() == gimli::DW_AT_ranges);
            if has {
                count += 1;
                bytes += names(dwarf, &unit, at, 0)?;
            }
        }
        cursor.skip_attributes(abbrev.attributes())?;
    }
    Ok((count, bytes))
}

fn functions(path: &str) -> Result<()> {
    let dwarf = load(path)?;
    let mut headers = Vec::new();
    let mut units = dwarf.units();
    while let Some(h) = units.next()? {
        headers.push(h);
    }
    let next = AtomicUsize::new(0);
    let work = || -> gimli::Result<(usize, usize)> {
        let (mut count, mut bytes) = (0, 0);
        while let Some(h) = headers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (c, b) = walk(&dwarf, *h)?;
            count += c;
            bytes += b;
        }
        Ok((count, bytes))
    };
    let (mut count, mut bytes) = (0, 0);
    thread::scope(|s| -> Result<()> {
        let all: Vec<_> = (0..thread::available_parallelism()?.get()).map(|_| s.spawn(&work)).collect();
        for t in all {
            let (c, b) = t.join().map_err(|_| "a thread ended")??;
            count += c;
            bytes += b;
        }
        Ok(())
    })?;
    println!("{count} found, {bytes} bytes of names");
    Ok(())
}

fn line(path: &str, addr: &str) -> Result<()> {
    let addr = u64::from_str_radix(addr.trim_start_matches("0x"), 16)?;
    let context = addr2line::Context::from_dwarf(load(path)?)?;
    let mut frames = context.find_frames(addr)?;
    while let Some(f) = frames.next()? {
        let name = match &f.function {
            Some(n) => n.raw_name()?.into_owned(),
            None => "?".into(),
        };
        let (file, line) = f.location.map_or(("?", 0), |l| (l.file.unwrap_or("?"), l.line.unwrap_or(0)));
        println!("{name} {file}:{line}");
    }
    Ok(())
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[1..] {
        ["functions", path] => functions(path),
        ["line", path, addr] => line(path, addr),
        _ => Err("functions FILE | line FILE ADDR".into()),
    };
    if let Err(e) = done {
        eprintln!("{e}");
        process::exit(1);
    }
}
