"""The source against a real file system and the kernel's own notifications."""

import logging
import shutil
from contextlib import asynccontextmanager

import pytest
import trio
from proclaim import Change, Listing, SystemHost
from proclaim_file_source.source import SECOND_LOOK_SECONDS, FileSource


def namespace(name, label="x"):
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{is: {label}}}}}\n"


def peer(name, password):
    return (
        f"apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {{name: {name}}}\n"
        f"spec: {{myASN: 1, peerASN: 2, peerAddress: 192.0.2.1{password}}}\n"
    )


def put(path, text):
    """Write a file at once, so that nobody sees a part of it."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.rename(path)


class Ledger:
    """Keeps what it is told, as far as these tests look."""

    def __init__(self, host):
        self.host = host
        self.said = []
        self.secrets_when_told = []
        self.resources = {}
        self.problems = ()
        self._told = trio.Event()

    async def observe(self, observation):
        self.said.append(observation)
        self.secrets_when_told.append(dict(self.host.secrets.value))
        given = {one.resource.ref: one.resource for one in observation.resources}
        match observation:
            case Listing():
                named = {(one.kind, one.name) for one in observation.problems}
                kept = {
                    ref: resource
                    for ref, resource in self.resources.items()
                    if observation.unreadable or (ref.kind, ref.name) in named
                }
                self.resources = {**kept, **given}
                self.problems = observation.problems
            case Change():
                self.resources.update(given)
                for ref in observation.gone:
                    del self.resources[ref]
        self._told.set()
        self._told = trio.Event()

    def names(self):
        return sorted(ref.name for ref in self.resources)

    def labels(self, name):
        return next(dict(r.labels) for ref, r in self.resources.items() if ref.name == name)

    async def until(self, condition):
        with trio.fail_after(10):
            while not condition():
                await self._told.wait()


@asynccontextmanager
async def following(*paths, host=None, **intervals):
    host = host or SystemHost("node-a")
    ledger = Ledger(host)
    source = FileSource(tuple(map(str, paths)), host, **intervals)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.run, ledger.observe)
        await ledger.until(lambda: ledger.said)
        yield ledger
        nursery.cancel_scope.cancel()


async def test_it_begins_with_a_listing_and_then_says_what_changed(tmp_path):
    (tmp_path / "a.yaml").write_text(namespace("a"))
    async with following(tmp_path) as ledger:
        put(tmp_path / "b.yaml", namespace("b"))
        await ledger.until(lambda: ledger.names() == ["a", "b"])
        (tmp_path / "a.yaml").unlink()
        await ledger.until(lambda: ledger.names() == ["b"])
    assert [type(one) for one in ledger.said] == [Listing, Change, Change]


async def test_an_editors_rename_over_a_file_is_one_change(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(namespace("a"))
    async with following(path) as ledger:
        for label in ("one", "two"):
            put(path, namespace("a", label))
            await ledger.until(lambda label=label: ledger.labels("a") == {"is": label})
    assert len(ledger.said) == 3


async def test_half_a_file_keeps_the_last_good_values_until_it_is_whole(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(namespace("a") + "---\n" + namespace("b"))
    async with following(tmp_path) as ledger:
        path.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: ")
        await ledger.until(lambda: ledger.problems)
        assert ledger.names() == ["a", "b"]
        path.write_text(namespace("a", "new") + "---\n" + namespace("b"))
        await ledger.until(lambda: not ledger.problems)
        assert ledger.labels("a") == {"is": "new"}


async def test_a_file_emptied_before_it_is_written_loses_nothing(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(namespace("a"))
    async with following(tmp_path) as ledger:
        path.write_text("")
        await ledger.until(lambda: ledger.problems)
        assert ledger.names() == ["a"]


async def test_a_directory_moved_away_keeps_its_resources_in_force(tmp_path):
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    (root / "a.yaml").write_text(namespace("a"))
    async with following(root) as ledger:
        (tmp_path / "deep").rename(tmp_path / "away")
        await ledger.until(lambda: [one.file for one in ledger.problems] == [str(root)])
        assert ledger.names() == ["a"]


async def test_a_deleted_directory_keeps_its_resources_until_it_is_back(tmp_path):
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    (root / "a.yaml").write_text(namespace("a"))
    async with following(root) as ledger:
        (tmp_path / "deep").rename(tmp_path / "deleted")  # at once: no reading sees half of it
        shutil.rmtree(tmp_path / "deleted")
        await ledger.until(lambda: [one.file for one in ledger.problems] == [str(root)])
        assert ledger.names() == ["a"]
        root.mkdir(parents=True)
        put(root / "b.yaml", namespace("b"))
        await ledger.until(lambda: ledger.names() == ["b"])
        put(root / "c.yaml", namespace("c"))
        await ledger.until(lambda: ledger.names() == ["b", "c"])


@pytest.mark.slow
async def test_what_is_deleted_and_written_again_at_once_was_never_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("proclaim_file_source.source.SECOND_LOOK_SECONDS", 1.0)
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.yaml").write_text(namespace("a"))
    async with following(root) as ledger:
        shutil.rmtree(root)
        root.mkdir()
        await trio.sleep(0.1)  # long enough for a reading in between
        put(root / "a.yaml", namespace("a", "new"))
        await ledger.until(lambda: ledger.labels("a") == {"is": "new"})
    assert not any(one.gone for one in ledger.said if isinstance(one, Change))


async def test_a_directory_emptied_for_a_moment_loses_nothing(tmp_path):
    (tmp_path / "a.yaml").write_text(namespace("a"))
    async with following(tmp_path) as ledger:
        (tmp_path / "a.yaml").unlink()
        await trio.sleep(2 * SECOND_LOOK_SECONDS)
        (tmp_path / "a.yaml").write_text(namespace("a", "new"))
        await ledger.until(lambda: ledger.labels("a") == {"is": "new"})
    assert not any(one.gone for one in ledger.said if isinstance(one, Change))
    assert all(one.resources for one in ledger.said)


async def test_a_new_directory_is_watched_as_soon_as_it_is_there(tmp_path):
    async with following(tmp_path) as ledger:
        (tmp_path / "sub" / "sub").mkdir(parents=True)
        put(tmp_path / "sub" / "sub" / "a.yaml", namespace("a"))
        await ledger.until(lambda: ledger.names() == ["a"])
        put(tmp_path / "sub" / "sub" / "a.yaml", namespace("a", "new"))
        await ledger.until(lambda: ledger.labels("a") == {"is": "new"})


def mount(root, version, label):
    """Put a version of a ConfigMap in place as kubelet does."""
    directory = root / f"..{version}"
    directory.mkdir()
    (directory / "a.yaml").write_text(namespace("a", label))
    (root / "..data_tmp").symlink_to(directory.name)
    (root / "..data_tmp").rename(root / "..data")


@pytest.mark.parametrize("watched", [".", "a.yaml"])
async def test_the_swap_of_a_mounted_config_map_is_seen(tmp_path, watched):
    mount(tmp_path, 1, "one")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    async with following(tmp_path / watched) as ledger:
        for version, label in ((2, "two"), (3, "three")):
            mount(tmp_path, version, label)
            shutil.rmtree(tmp_path / f"..{version - 1}")
            await ledger.until(lambda label=label: ledger.labels("a") == {"is": label})
    assert not any(one.gone for one in ledger.said if isinstance(one, Change))
    assert ledger.problems == ()


async def test_a_change_where_a_link_leads_to_is_seen(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.yaml").write_text(namespace("a"))
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.yaml").symlink_to("../real/a.yaml")
    async with following(tmp_path / "root") as ledger:
        put(tmp_path / "real" / "a.yaml", namespace("a", "new"))
        await ledger.until(lambda: ledger.labels("a") == {"is": "new"})


async def test_what_the_kernel_does_not_tell_is_found_anyway_and_the_log_says_so(
    tmp_path, monkeypatch, caplog
):
    class Deaf:
        def __init__(self, *_arguments):
            raise OSError("no watches left")

    monkeypatch.setattr("proclaim_file_source.watch.RustNotify", Deaf)
    (tmp_path / "a.yaml").write_text(namespace("a"))
    with caplog.at_level(logging.WARNING, "proclaim.files"):
        async with following(tmp_path, poll=0.02) as ledger:
            put(tmp_path / "b.yaml", namespace("b"))
            await ledger.until(lambda: ledger.names() == ["a", "b"])
    assert caplog.messages == [
        "the kernel cannot watch: no watches left; looking every 0.02 s instead"
    ]


async def test_a_change_without_a_word_from_the_kernel_ends_the_trust_in_it(
    tmp_path, monkeypatch, caplog
):
    class Silent:
        def __init__(self, *_arguments):
            pass

        def watch(self, _debounce, _step, timeout, _stop):
            trio.from_thread.run(trio.sleep, timeout / 1000)
            return "timeout"

    monkeypatch.setattr("proclaim_file_source.watch.RustNotify", Silent)
    put(tmp_path / "first.yaml", namespace("z"))
    with caplog.at_level(logging.WARNING, "proclaim.files"):
        async with following(tmp_path, poll=0.02, restat=0.05) as ledger:
            put(tmp_path / "a.yaml", namespace("a"))
            await ledger.until(lambda: ledger.names() == ["a", "z"])
            put(tmp_path / "b.yaml", namespace("b"))
            await ledger.until(lambda: ledger.names() == ["a", "b", "z"])
    assert caplog.messages == ["a change was not announced; looking every 0.02 s instead"]


async def test_passwords_reach_the_host_before_the_peers_are_observed(tmp_path, caplog):
    host = SystemHost("node-a")
    host.secrets.set({"elsewhere": "untouched"})
    (tmp_path / "a.yaml").write_text(peer("a", ", password: hunter2"))
    with caplog.at_level(logging.DEBUG, "proclaim"):
        async with following(tmp_path, host=host) as ledger:
            assert ledger.secrets_when_told == [{"elsewhere": "untouched", "a": "hunter2"}]
            put(tmp_path / "b.yaml", peer("b", ", password: tr0ub4dor, vrf: 7"))
            await ledger.until(lambda: ledger.problems)
    assert "hunter2" not in repr(ledger.said) + caplog.text
    assert "tr0ub4dor" not in repr(ledger.said) + caplog.text


async def test_a_password_is_kept_while_its_peer_is_broken_and_dropped_with_it(tmp_path):
    host = SystemHost("node-a")
    path = tmp_path / "a.yaml"
    path.write_text(peer("a", ", password: hunter2"))
    async with following(tmp_path, host=host) as ledger:
        put(path, peer("a", ", password: hunter2, vrf: 7"))
        await ledger.until(lambda: ledger.problems)
        assert host.secrets.value == {"a": "hunter2"}
        put(path, peer("a", ", password: hunter3"))
        await ledger.until(lambda: not ledger.problems)
        assert host.secrets.value == {"a": "hunter3"}
        put(path, peer("a", ""))
        await ledger.until(lambda: len(ledger.said) == 4)
        assert host.secrets.value == {}


async def test_each_problem_is_logged_once(tmp_path, caplog):
    (tmp_path / "a.yaml").write_text("kind: [\n")
    with caplog.at_level(logging.WARNING, "proclaim.files"):
        async with following(tmp_path) as ledger:
            put(tmp_path / "b.yaml", namespace("b"))
            await ledger.until(lambda: ledger.names() == ["b"])
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{tmp_path}/a.yaml:1: not YAML: ")


async def test_a_directory_without_manifests_is_warned_about(tmp_path, caplog):
    async with following(tmp_path):
        pass
    assert f"nothing is described in {tmp_path}" in caplog.text


async def test_a_problem_is_logged_with_the_code_of_its_rule(tmp_path, caplog):
    (tmp_path / "a.yaml").write_text(namespace("a") + "---\nkind: [\n")
    with caplog.at_level(logging.ERROR, "proclaim.files"):
        async with following(tmp_path) as ledger:
            await ledger.until(lambda: bool(ledger.problems))
    assert [message.rpartition(" ")[2] for message in caplog.messages] == ["[InvalidManifest]"]
