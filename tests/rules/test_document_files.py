"""What a document is called and what it is: hostile names made safe, types read from bytes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.document_files import NAME_LENGTH, kind, media_type, safe_name

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Contract.pdf", "Contract.pdf"),
        ("  Contract   of\tMay .pdf ", "Contract of May .pdf"),
        ("C:\\Users\\ada\\Contract.pdf", "Contract.pdf"),
        ("../../../etc/passwd", "passwd"),
        ("folder/", "folder"),
        (".htaccess", "htaccess"),
        ("...", "document"),
        ("", "document"),
        ("\x00\x1b[31m", "[31m"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u200bb\ufeff.txt", "ab.txt"),
        ("line\r\nSet-Cookie: x.txt", "line Set-Cookie_ x.txt"),
        ('quote".pdf', "quote_.pdf"),
        ("<script>.html", "_script_.html"),
        ("Re\u0301sume\u0301.pdf", "Résumé.pdf"),
        ("契約書.pdf", "契約書.pdf"),
        ("Z" + "\u0301" * 40 + ".txt", "Ź" + "\u0301" * 4 + ".txt"),
    ],
)
def test_a_name_is_kept_safely(written: str, kept: str) -> None:
    assert safe_name(written) == kept


def test_a_long_name_loses_its_middle_and_never_its_ending() -> None:
    kept = safe_name("x" * 500 + ".pdf")
    assert len(kept) == NAME_LENGTH
    assert kept.endswith("x.pdf")
    assert safe_name("report.pdf" + " " * 300 + ".exe").endswith(".exe")


@given(st.text())
def test_no_name_breaks_a_header_a_path_or_a_column(written: str) -> None:
    kept = safe_name(written)
    assert 0 < len(kept) <= NAME_LENGTH
    assert kept == kept.strip()
    assert not set(kept) & set('/\\<>:"|?*')
    assert not {unicodedata.category(c) for c in kept} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert safe_name(kept) == kept


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"%PDF-1.7\n...", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "application/octet-stream"),
        (b"PK\x03\x04....word/document.xml", WORD),
        (b"PK\x03\x04....anything", "application/zip"),
        ("Grüße\r\n".encode(), "text/plain"),
        ("ü".encode() * 10 + b"\xc3", "text/plain"),
        (b"<!doctype html><script>", "text/plain"),
        (b"MZ\x90\x00", "application/octet-stream"),
        (b"text\x00with a zero", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_what_a_file_is_its_bytes_say(head: bytes, found: str) -> None:
    assert media_type(head) == found


def test_a_kind_is_named_in_words() -> None:
    assert kind("application/pdf", "a.pdf") == "PDF"
    assert kind(WORD, "a.docx") == "Word document"
    assert kind("application/octet-stream", "plan.dwg") == "DWG file"
    assert kind("application/octet-stream", "plan") == "File"
