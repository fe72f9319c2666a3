import os
from pathlib import Path

import pytest

from storage.errors import DatabaseInUseError
from storage.lock import ServerLock


def test_second_lock_is_refused_and_names_the_process_that_has_the_first(tmp_path: Path) -> None:
    lock = ServerLock(tmp_path / "new" / "jobs.db")

    with pytest.raises(DatabaseInUseError, match=rf"in use by another server \(process {os.getpid()}\)"):
        ServerLock(tmp_path / "new" / "jobs.db")

    lock.release()
    ServerLock(tmp_path / "new" / "jobs.db").release()


def test_two_names_of_one_file_are_one_lock(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "jobs.db")
    lock = ServerLock(tmp_path / "link.db")

    with pytest.raises(DatabaseInUseError):
        ServerLock(tmp_path / "jobs.db")

    lock.release()


def test_databases_in_one_folder_do_not_share_a_lock(tmp_path: Path) -> None:
    locks = [ServerLock(tmp_path / name) for name in ("a.db", "b.db")]

    for lock in locks:
        lock.release()
