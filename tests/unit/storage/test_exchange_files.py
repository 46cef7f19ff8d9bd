"""Files of other programs: what cannot be read or written is told, and nothing half-written stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.errors import Code, DefinitionError
from toolkit.instruments.exchange import Exported, Imported, Loss
from toolkit.storage import exchange_files
from toolkit.storage.exchange_files import read_foreign, write_exported, write_imported, write_losses

LOSS = Loss(what="a scale", where="scales[A]", why="there are none")


def test_one_file_gets_the_name_and_several_a_folder(tmp_path: Path) -> None:
    one = Exported(files={"a.json": b"1"}, losses=())
    assert write_exported(one, tmp_path / "new" / "b.json") == [tmp_path / "new" / "b.json"]
    assert (tmp_path / "new" / "b.json").read_bytes() == b"1"
    two = Exported(files={"a.csv": b"1", "b.csv": b"2"}, losses=())
    write_exported(two, tmp_path / "both")
    assert {file.name: file.read_bytes() for file in (tmp_path / "both").iterdir()} == {"a.csv": b"1", "b.csv": b"2"}


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"old")
    two = Exported(files={"a.csv": b"1", "b.csv": b"2"}, losses=())
    with pytest.raises(DefinitionError) as caught:
        write_exported(two, tmp_path)
    assert caught.value.codes == (Code.DEF_EXISTS,)
    assert [file.name for file in tmp_path.iterdir()] == ["b.csv"]
    write_exported(two, tmp_path, force=True)
    assert (tmp_path / "b.csv").read_bytes() == b"2"


def test_losses_are_written_as_json(tmp_path: Path) -> None:
    file = write_losses([LOSS], tmp_path / "losses.json")
    assert json.loads(file.read_bytes()) == [{"what": "a scale", "where": "scales[A]", "why": "there are none"}]
    assert str(LOSS) == "scales[A]: a scale (there are none)"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DefinitionError) as caught:
        write_exported(Exported(files={"a": b"1"}, losses=()), tmp_path / "file" / "a")
    assert caught.value.codes == (Code.DEF_PLACE,)
    draft = Imported(id="mood", version="0.1.0", definition_yaml="a: 1\n", texts={"en": "b: 2\n"}, losses=())
    with pytest.raises(DefinitionError) as caught:
        write_imported(draft, tmp_path / "file")
    assert caught.value.codes == (Code.DEF_PLACE,)
    assert write_imported(draft, tmp_path)[0].parent == tmp_path / "mood" / "0.1.0"
    with pytest.raises(DefinitionError) as caught:
        write_imported(draft, tmp_path)
    assert caught.value.codes == (Code.DEF_EXISTS,)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "form.json"
    file.write_bytes(b"{}")
    assert read_foreign(file) == b"{}"
    monkeypatch.setattr(exchange_files, "MAXIMUM_BYTES", 1)
    for path, code in (
        (file, Code.DEF_FOREIGN_FILE),
        (tmp_path, Code.DEF_FOREIGN_FILE),
        (tmp_path / "none.json", Code.DEF_NOT_FOUND),
        (file / "below", Code.DEF_FOREIGN_FILE),
    ):
        with pytest.raises(DefinitionError) as caught:
            read_foreign(path)
        assert caught.value.codes == (code,)
