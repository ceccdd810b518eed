"""What the table `[metrics]` may say."""

import pytest
from proclaim import Settings, SettingsError, SystemHost
from proclaim_metrics.options import Endpoint, read_options
from proclaim_metrics.plugin import proclaim_reporters


def settings(**table):
    return Settings(path="proclaim.toml", sections={"metrics": table})


def test_nothing_is_served_unless_there_is_a_table():
    host = SystemHost("n1")
    assert list(proclaim_reporters(Settings(), host)) == []
    assert list(proclaim_reporters(settings(enabled=False), host)) == []
    assert [each.name for each in proclaim_reporters(settings(), host)] == ["metrics"]


def test_an_empty_table_serves_on_loopback():
    options = read_options(settings())
    assert options.listen == Endpoint("listen", "127.0.0.1", 9120)
    assert options.health_listen is None


def test_addresses_of_both_families_are_read_and_written():
    options = read_options(settings(listen="[2001:DB8::1]:9120", health_listen="0.0.0.0:17472"))
    assert str(options.listen) == "[2001:db8::1]:9120"
    assert options.health_listen == Endpoint("health_listen", "0.0.0.0", 17472)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"port": 1}, "metrics.port: unknown key; accepted are certificate, enabled, "),
        ({"enabled": "yes"}, "metrics.enabled: 'yes' is not true or false"),
        ({"listen": 9120}, "metrics.listen: 9120 is not ADDRESS:PORT"),
        ({"listen": ""}, "metrics.listen: '' is not ADDRESS:PORT"),
        ({"listen": ":9120"}, "metrics.listen: ':9120' is not ADDRESS:PORT"),
        ({"listen": "localhost:9120"}, "metrics.listen: 'localhost:9120' is not ADDRESS:PORT"),
        ({"listen": "127.0.0.1"}, "metrics.listen: '127.0.0.1' is not ADDRESS:PORT"),
        ({"listen": "127.0.0.1:0"}, "metrics.listen: '127.0.0.1:0' is not"),
        ({"listen": "127.0.0.1:65536"}, "metrics.listen: '127.0.0.1:65536' is not"),
        ({"listen": "127.0.0.1:+80"}, "metrics.listen: '127.0.0.1:+80' is not"),
        ({"listen": "2001:db8::1:80"}, "metrics.listen: '2001:db8::1:80' is not"),
        ({"listen": "[127.0.0.1]:80"}, "metrics.listen: '[127.0.0.1]:80' is not"),
        ({"health_listen": "x"}, "metrics.health_listen: 'x' is not ADDRESS:PORT"),
        ({"health_listen": ["a"]}, "metrics.health_listen: ['a'] is not ADDRESS:PORT"),
        ({"certificate": "a"}, "metrics.certificate: is of no use without metrics.key"),
        ({"key": "a"}, "metrics.key: is of no use without metrics.certificate"),
        ({"token_file": ""}, "metrics.token_file: '' is not the path of a file"),
        ({"token_file": 1}, "metrics.token_file: 1 is not the path of a file"),
    ],
)
def test_nonsense_is_refused_naming_the_key(table, problem):
    with pytest.raises(SettingsError) as refused:
        read_options(settings(**table))
    assert refused.value.message.startswith(f"proclaim.toml: {problem}")
    with pytest.raises(SettingsError):
        read_options(settings(**(table | ({} if "enabled" in table else {"enabled": False}))))
