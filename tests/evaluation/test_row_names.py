from scratch_d2.evaluation.row_names import match_names


def dicts_of(root, *names):
    return [{"file_name": str(root / name), "image_id": i} for i, name in enumerate(names)]


def test_names_are_matched_as_they_stand(tmp_path):
    dicts = dicts_of(tmp_path, "good/a.png", "bad/b.png")
    files = [str(tmp_path / "bad/b.png"), str(tmp_path / "good/../good/a.png"), "/other/c.png"]
    assert match_names(files, dicts) == ([1, 0, None], [])


def test_two_names_of_one_file_are_two_images(tmp_path):
    (tmp_path / "good").mkdir()
    (tmp_path / "good/a.png").write_bytes(b"photograph")
    (tmp_path / "good/link.png").symlink_to(tmp_path / "good/a.png")
    dicts = dicts_of(tmp_path, "good/a.png", "good/link.png", "bad/b.png")
    files = [item["file_name"] for item in dicts]
    assert match_names(files, dicts) == ([0, 1, 2], [])
    matched, notes = match_names(files, [dicts[0], dicts[2]])
    assert matched == [0, None, 2]
    assert notes[0].startswith("1 result is for an image under another name, as ")
    assert notes[0].split("as ")[1].startswith(files[1])


def test_a_linked_folder_matches_its_target(tmp_path):
    (tmp_path / "labels/good").mkdir(parents=True)
    (tmp_path / "labels/good/a.png").write_bytes(b"photograph")
    (tmp_path / "linked").symlink_to(tmp_path / "labels")
    dicts = dicts_of(tmp_path / "labels", "good/a.png")
    assert match_names([str(tmp_path / "linked/good/a.png")], dicts) == ([0], [])


def test_a_copied_folder_matches_by_the_path_below_its_root(tmp_path):
    dicts = dicts_of(tmp_path, "good/1.png", "good/night/1.png", "bad/1.png")
    files = ["/disk/labels/bad/1.png", "/disk/labels/good/night/1.png", "/disk/labels/good/1.png"]
    matched, notes = match_names(files, dicts)
    assert matched == [2, 1, 0]
    assert notes[0].startswith("3 results were matched by the end of the path, as /disk/labels/")


def test_an_end_that_two_files_share_matches_neither(tmp_path):
    dicts = dicts_of(tmp_path, "good/1.png", "bad/2.png")
    files = ["/one/good/1.png", "/two/good/1.png", "/one/bad/2.png"]
    assert match_names(files, dicts)[0] == [None, None, 1]
