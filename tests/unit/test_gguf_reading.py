"""A packed model's file is parsed once, and comes out as the library's own reader has it."""

import gguf
import numpy as np
import pytest

from appliance.learning.basemodels.gguf import reading_once


@pytest.fixture
def packed(tmp_path):
    """A file with words, numbers and one tensor."""
    path = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_token_list(["<bos>", "Ärztin", ""])
    writer.add_token_scores([0.0, -1.5, 2.0])
    writer.add_context_length(128)
    writer.add_tensor("token_embd.weight", np.arange(6, dtype=np.float32).reshape(3, 2))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return str(path)


def content(reader):
    fields = {name: field.contents() for name, field in reader.fields.items()}
    return fields, [(each.name, each.data.tolist()) for each in reader.tensors]


def test_it_reads_what_the_library_reads(packed):
    """Every field and every tensor."""
    expected = content(gguf.GGUFReader(packed))

    with reading_once():
        assert content(gguf.GGUFReader(packed)) == expected


def test_one_file_is_parsed_once_and_only_here(packed):
    """Whoever asks again gets the same; afterwards the library is as it was."""
    usual = gguf.GGUFReader

    with reading_once():
        first = gguf.GGUFReader(packed)
        assert gguf.GGUFReader(packed) is first
    assert gguf.GGUFReader is usual

    with pytest.raises(FileNotFoundError), reading_once():
        gguf.GGUFReader(packed + ".not-there")
    assert gguf.GGUFReader is usual
