"""Recordings are read strictly: what is wrong is named with its file, its line and what is allowed."""

import gzip
from pathlib import Path

import pytest

from src.simulator import recordings
from src.simulator.recordings import RecordedBar, RecordingError

HEADER = "window_start_ms,open,high,low,close,volume"
ROW = "1381240800000,165.980,166,165.9,165.95,1200"


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_the_digits_stay_as_they_are(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, f"minute/BRK.B_20131008{suffix}", HEADER, ROW)
    expected = RecordedBar("AM", "BRK.B", 1381240800000, 1381240860000, "165.980", "166", "165.9", "165.95", "1200")
    assert list(recordings.read(path)) == [expected]


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    header, row = "volume,close,vwap,low,high,open,window_start_ms", "7.25,4,9,3,5,3.5,1381240801000"
    path = write(tmp_path, "second/KO_20131008.csv", header, row)
    assert list(recordings.read(path)) == [
        RecordedBar("A", "KO", 1381240801000, 1381240802000, "3.5", "5", "3", "4", "7.25")
    ]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("1381240800000,1,1,1,1", "5 fields instead of 6"),
        ("1381240800000,1,1,1,1,1,1", "7 fields instead of 6"),
        ("", "0 fields instead of 6"),
        ("1381240800001,1,1,1,1,1", "window_start_ms is '1381240800001'; allowed are epoch milliseconds, a multiple"),
        ("2013-10-08,1,1,1,1,1", "window_start_ms is '2013-10-08'"),
        ("1381240800000,,1,1,1,1", "open is ''; allowed are decimal numbers above 0"),
        ("1381240800000,1,nan,1,1,1", "high is 'nan'"),
        ("1381240800000,1,1,-1,1,1", "low is '-1'"),
        ("1381240800000,1,1,1,0.0,1", "close is '0.0'"),
        ("1381240800000,1,1,1,01,1", "close is '01'"),
        ("1381240800000,1,1,1,1,1e3", "volume is '1e3'; allowed are decimal numbers 0 or more"),
        ("1381240800000,1,1,1,1, 1", "volume is ' 1'"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: str, complaint: str) -> None:
    path = write(tmp_path, "minute/KO_20131008.csv", HEADER, ROW, row)
    with pytest.raises(RecordingError) as caught:
        list(recordings.read(path))
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert complaint in str(caught.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "minute/KO_20131008.csv", HEADER.replace("close", "last"), ROW)
    with pytest.raises(RecordingError, match="line 1: the column close is missing"):
        list(recordings.read(path))


@pytest.mark.parametrize(
    "name", ["minute/KO.csv", "minute/KO_20131008.txt", "hour/KO_20131008.csv", "minute/K O_20131008.csv"]
)
def test_a_name_that_says_too_little_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, HEADER, ROW)
    with pytest.raises(RecordingError, match="is not named like"):
        list(recordings.read(path))


@pytest.mark.parametrize(
    "content",
    [b"no gzip at all", gzip.compress(ROW.encode())[:-9], b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 40],
    ids=["no archive", "cut off", "garbage inside"],
)
def test_a_broken_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, "minute/KO_20131008.csv.gz")
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="cannot be read"):
        list(recordings.read(path))


def test_folders_and_files_are_found(tmp_path: Path) -> None:
    minute = write(tmp_path, "a/minute/KO_20131008.csv.gz", HEADER)
    second = write(tmp_path, "a/second/KO_20131008.csv.gz", HEADER)
    single = write(tmp_path, "b/minute/SPY_20131008.csv", HEADER)
    assert recordings.find([tmp_path / "a", single]) == [second, minute, single]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no file or folder"):
        recordings.find([tmp_path / "nowhere"])
    with pytest.raises(RecordingError, match="no second"):
        recordings.find([tmp_path])
    with pytest.raises(RecordingError, match="at least one"):
        recordings.find([])
