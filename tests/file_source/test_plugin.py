"""What the settings of file_source may say."""

import pytest
from proclaim import Settings, SettingsError, SystemHost
from proclaim_file_source.plugin import proclaim_sources


def sources(**options):
    settings = Settings(path="proclaim.toml", sections={"file_source": options})
    return list(proclaim_sources(settings=settings, host=SystemHost("node-a")))


def test_there_is_no_source_without_paths():
    assert list(proclaim_sources(settings=Settings(), host=SystemHost("node-a"))) == []
    assert sources(paths=[]) == []


@pytest.mark.parametrize("paths", ["/etc/proclaim", ["/etc/proclaim"], ("/etc/proclaim",)])
def test_one_path_or_many_make_one_source(paths):
    (source,) = sources(paths=paths, max_file_bytes=1000)
    assert (source.name, source.paths, source.max_bytes) == ("files", ("/etc/proclaim",), 1000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "/etc"}, "file_source.path: unknown key; accepted: max_file_bytes, paths"),
        ({"paths": 7}, "file_source.paths: a path or a list of paths is expected"),
        ({"paths": ["/etc", ""]}, "file_source.paths: a path or a list of paths is expected"),
        ({"paths": ["-"]}, "file_source.paths: standard input cannot be watched; name a file"),
        (
            {"paths": ["/etc"], "max_file_bytes": 0},
            "file_source.max_file_bytes: a number of bytes above 0 is expected",
        ),
        (
            {"paths": ["/etc"], "max_file_bytes": True},
            "file_source.max_file_bytes: a number of bytes above 0 is expected",
        ),
    ],
)
def test_settings_that_nobody_understands_are_refused(options, message):
    with pytest.raises(SettingsError) as refused:
        sources(**options)
    assert str(refused.value) == f"proclaim.toml: {message}"
