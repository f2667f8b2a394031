//! Reads the QR symbol of a picture and prints its text: `cargo run --example read_qr -- receipt.png`.
//!
//! Another decoder than the one a camera application uses, so that a receipt that only one of them reads is noticed.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("Name a picture: read_qr receipt.png");
        return ExitCode::from(2);
    };
    match read(std::path::Path::new(&path)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn read(path: &std::path::Path) -> Result<String, Box<dyn std::error::Error>> {
    let picture = image::open(path)?.into_luma8();
    let (width, height) = picture.dimensions();
    let mut hints = rxing::DecodeHints { TryHarder: Some(true), ..rxing::DecodeHints::default() };
    let symbol = rxing::helpers::detect_in_luma_with_hints(
        picture.into_raw(),
        width,
        height,
        Some(rxing::BarcodeFormat::QR_CODE),
        &mut hints,
    )?;
    Ok(symbol.getText().to_owned())
}
